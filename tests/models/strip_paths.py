"""Takes the folders of the machine out of the stack traces that PyTorch stores with its models.

`torch.export.save` and `torch.onnx.export` write the path of every source line that made a node. What
reads a model does not need them, and the same model shall be the same file wherever it was made.

    python strip_paths.py FILE.pt2 FILE.onnx ...         (.onnx needs `pip install onnx`)
"""

import re
import sys
import zipfile
from pathlib import Path

# `File "/folder/of/a/machine/name.py", line 1`; in JSON inside JSON with escaped quotes.
FOLDER = re.compile(rb'(File \\*")/[^"\\]*/([^"/\\]+\\*")')


def strip(path):
    """Rewrites a file."""
    (strip_onnx if Path(path).suffix == ".onnx" else strip_archive)(path)


def strip_onnx(path):
    """Rewrites a model; everything but the paths stays."""
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        for entry in node.metadata_props:
            entry.value = FOLDER.sub(rb"\1\2", entry.value.encode()).decode()
    onnx.save(model, path)


def strip_archive(path):
    """Rewrites an archive; everything but the paths, the order and the times of its members stays."""
    with zipfile.ZipFile(path) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in members:
            kept = zipfile.ZipInfo(info.filename, info.date_time)
            kept.compress_type = info.compress_type
            archive.writestr(kept, FOLDER.sub(rb"\1\2", data))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        strip(Path(name))
