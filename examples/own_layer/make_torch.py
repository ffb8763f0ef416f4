"""Makes gated.pt2 and the outputs that PyTorch gives for x.npy, pt2.npy: the same two layers as operators
of a library of its own, which an exported program has by their names.

    python make_torch.py
"""

import numpy as np
import torch


@torch.library.custom_op("my::scaled_swish", mutates_args=())
def scaled_swish(x: torch.Tensor, gain: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    return gain * x * torch.sigmoid(alpha * x)


@scaled_swish.register_fake
def _(x, gain, alpha=1.0):
    return torch.empty_like(x)


@torch.library.custom_op("my::gate", mutates_args=())
def gate(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    return x * torch.tanh(by) + 0.5 * torch.maximum(x, by)


@gate.register_fake
def _(x, by):
    return torch.empty_like(x)


class Gated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.left = torch.nn.Linear(8, 6)
        self.right = torch.nn.Linear(8, 6)
        self.scores = torch.nn.Linear(6, 3)
        self.gain = torch.nn.Parameter(torch.randn(6))

    def forward(self, x):
        return self.scores(gate(scaled_swish(self.left(x), self.gain, alpha=1.5), self.right(x)))


if __name__ == "__main__":
    torch.manual_seed(16)
    model = Gated().eval()
    x = torch.from_numpy(np.load("x.npy"))
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    torch.export.save(program, "gated.pt2")
    np.save("pt2.npy", model(x).detach().numpy())
