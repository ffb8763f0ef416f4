"""Makes the .pt2 files next to this file (but t_mlp) and their goldens: `python make_torch.py`, torch 2.15.

`t_zoo` has every activation and every way of arranging a fully connected network; `t_strides` stores
its weights in every way a tensor can lie in a storage; `t_image` has what works on images, `t_steps`
what works on sequences. `*_core` is the same program after `run_decompositions()`; that of `t_zoo` has
activations taken apart into comparisons and is refused.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from strip_paths import strip

torch.manual_seed(11)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 12)
        self.norm = nn.BatchNorm1d(12)
        self.act = nn.PReLU(12)

    def forward(self, x):
        return x + self.act(self.norm(self.fc(x)))


class Zoo(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 12)
        self.blocks = nn.Sequential(Block(), Block())
        self.single = nn.PReLU()
        self.bare = nn.BatchNorm1d(12, affine=False)
        self.plain = nn.Linear(12, 12, bias=False)
        self.drop = nn.Dropout(0.3)
        self.matrix = nn.Parameter(torch.randn(12, 6) * 0.4)
        self.register_buffer("shift", torch.linspace(-1, 1, 12), persistent=False)
        self.register_buffer("gain", torch.linspace(0.5, 1.5, 12))
        self.last = nn.Linear(6, 4)

    def forward(self, x):
        x = self.blocks(self.first(x))
        x = F.relu6(x * 2) + F.hardtanh(x, -0.5, 1.5) + torch.clamp(x, min=-0.25)
        x = self.bare(x)
        x = F.leaky_relu(x, 0.2) + F.elu(x, 0.7) + F.selu(x) + self.single(x)
        x = (self.shift - x) / 2 + x * self.gain - 0.125
        x = torch.sigmoid(x) + torch.tanh(x) + F.softplus(x) + F.softsign(x)
        x = F.hardsigmoid(x - 2) + F.gelu(x) + F.gelu(x, approximate="tanh") + F.silu(x)
        x = self.drop(self.plain(x.view(-1, 3, 4).flatten(1)))
        x = torch.add(x, torch.tensor([[0.5]]), alpha=2).sub(x.relu(), alpha=0.5)
        x = x.unsqueeze(1).squeeze(1).reshape(x.shape[0], 12).clone().contiguous()
        x = F.mish(x) @ self.matrix
        x = torch.nn.functional.threshold(x, 0.1, 0.0)
        return F.softmax(self.last(x), dim=1), x.unsqueeze(2)


class Strides(nn.Module):
    def __init__(self):
        super().__init__()
        whole = torch.randn(6, 20) * 0.5
        self.sliced = nn.Parameter(whole[1:5, 3:11])  # offset and row stride
        self.turned = nn.Parameter((torch.randn(4, 8) * 0.5).t())  # [8, 4], columns first
        self.halves = nn.Parameter((torch.randn(8, 8) * 0.5).half())
        self.brains = nn.Parameter((torch.randn(8) * 0.5).bfloat16())
        self.doubles = nn.Parameter((torch.randn(8) * 0.5).double())
        self.register_buffer("one", torch.tensor(0.25).expand(8))  # stride 0
        self.register_buffer("small", torch.arange(-4, 4, dtype=torch.int8))
        self.register_buffer("mask", torch.tensor([True, False] * 4))
        self.a = nn.Linear(8, 8)
        self.b = nn.Linear(8, 8, bias=False)
        self.b.weight = self.a.weight  # tied
        self.c = nn.Linear(8, 4)

    def forward(self, x):
        x = F.linear(x, self.sliced)
        x = F.linear(x, self.turned) + self.one
        x = F.linear(x, self.halves.float(), self.brains.float()) + self.doubles.float()
        x = self.b(torch.relu(self.a(x))) * self.mask.float() + self.small.float()
        return torch.addmm(self.c.bias, x, self.c.weight.t())


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), groups=2, dilation=(2, 1))
        self.same = nn.Conv2d(6, 4, (4, 3), padding="same")
        self.up = nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.groups = nn.GroupNorm(2, 4)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.layer = nn.LayerNorm([4, 4])
        self.slopes = nn.PReLU(4)
        self.maximum = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.mean = nn.AvgPool2d((2, 3), stride=2, padding=(1, 1), ceil_mode=True)
        self.bare = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.line = nn.Conv1d(4, 3, 3, padding=1)
        self.offset = nn.Parameter(torch.randn(4, 1, 1) * 0.3)
        self.each = nn.Parameter(torch.randn(1, 4, 8, 8) * 0.3)

    def forward(self, x):
        x = self.norm(x) + self.offset
        a = self.same(self.wide(F.pad(x, (1, 0, 2, 1))))  # [B, 4, 7, 4]
        a = self.slopes(self.up(a))[:, :, 2:10, ::1]  # [B, 4, 8, 8]
        x = torch.relu(a * self.each) + F.hardswish(x.expand(-1, 4, 8, 8))
        x = self.groups(x) + F.instance_norm(x) * 0.5 + self.instance(x)
        pools = [self.maximum(x)[:, :, :4, :4], self.mean(x)[:, :, :4, :4], self.bare(x)]
        y = torch.cat(pools, dim=1)  # [B, 12, 4, 4]
        one, two, three = y.split([4, 2, 6], dim=1)
        y = torch.cat([one, three[:, 1:5]], 1)
        y = y + F.interpolate(F.adaptive_avg_pool2d(y, 2), scale_factor=2)
        y = F.pixel_shuffle(y, 2).mean(dim=3)  # [B, 2, 8]
        y = self.layer(y.reshape(-1, 1, 4, 4).expand(-1, 3, -1, -1))
        y = (y * torch.arange(1.0, 4.0).view(3, 1, 1)).permute(0, 2, 1, 3)[..., 0]
        rows = torch.stack(y.unbind(2), dim=1) * y.amax(1).unsqueeze(2)  # [B, 3, 4]
        z = F.pad(rows, (2, 2), mode="reflect") + rows.sum(1, keepdim=True).mean(2, keepdim=True)
        left, right = F.softmax(z, dim=1).chunk(2, dim=2)
        z = torch.maximum(left, right) - torch.minimum(left, two.mean((1, 2, 3)).view(-1, 1, 1))
        w = F.glu(self.line(one.flatten(2)), dim=2).softmax(1) + one.mean((2, 3)).unsqueeze(2)[:, :3].abs().square()
        return z, w, one.movedim(1, -1)


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 6, bidirectional=True)  # time first
        self.rnn = nn.RNN(12, 8, nonlinearity="relu", bias=False, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.RMSNorm(8)

    def forward(self, x):
        y, (h, c) = self.lstm(x)
        z, last = self.gru(y.transpose(0, 1))
        r, _ = self.rnn(z.transpose(0, 1))
        q, k = self.norm(r), r.tanh()
        mixed = F.scaled_dot_product_attention(q, k, r, is_causal=True)
        hidden = torch.ones(7, 7).triu(1).bool()
        mixed = mixed + self.attention(q, k, r, attn_mask=hidden, need_weights=False)[0]
        scores = q @ k.transpose(1, 2)
        return mixed, h.transpose(0, 1), (c.sum(0) + last[1, :, :4]), scores


class Encoder(nn.Module):
    """Exported for one sample, as most people do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.layer(x)
        return self.head(x.mean(1)), x.squeeze(0).unsqueeze(0).flatten(1)


class Ranks(nn.Module):
    """Places of the largest, and images made larger."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 5)

    def forward(self, x):  # [B, 2, 3, 4]
        best, at = x.max(2)
        few, places = x.flatten(2).topk(3)
        last = torch.topk(x, 2, dim=1, largest=False).indices.float()
        wide = F.interpolate(x, scale_factor=2, mode="bilinear")
        tall = F.interpolate(x, size=(6, 4), mode="bilinear", align_corners=True)
        line = F.interpolate(x[:, 0], scale_factor=4.0, mode="linear")
        scores = self.fc(x[:, 0].flatten(1))
        return scores.argmax(1), best, at, few, places, last, wide, tall, line, x.argmin(3, keepdim=True)


class Rest(nn.Module):
    """Operators that no other model has."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose1d(3, 2, 2, stride=2)
        self.drops = nn.Sequential(nn.AlphaDropout(), nn.FeatureAlphaDropout(), nn.Dropout1d())

    def forward(self, x):
        row = torch.log_softmax(self.drops(x), dim=-1)
        low, high = (-x).detach().chunk(2, dim=-1)
        exp = torch.exp(x.type_as(row))
        pools = [F.max_pool1d(x, 2), F.avg_pool1d(x, 2, stride=1), F.adaptive_avg_pool1d(x, 2), F.adaptive_max_pool1d(x, 3)]
        pads = [F.pad(x, (1, 2)), F.interpolate(x, scale_factor=2)]
        ends = [torch.amin(x, dim=1), torch.min(x, dim=2).values]
        return row, low - high, exp, torch.bmm(x, x.transpose(1, 2)), self.up(x), *pools, *pads, *ends


class More(nn.Module):
    """Three spatial axes, an embedding, and what `run_decompositions` writes otherwise."""

    def __init__(self):
        super().__init__()
        self.deep = nn.Conv3d(1, 2, (1, 2, 2), stride=(1, 1, 2), bias=False)
        self.words = nn.Embedding(5, 3)
        self.flat = nn.Conv2d(2, 3, 2, padding=1, groups=1)
        self.matrix = nn.Parameter(torch.randn(9, 2) * 0.4)

    def forward(self, x, i):  # [B, 2, 3, 3], [B, 4]
        parts = x.flatten(1).chunk(2, dim=1)
        deep = self.deep(x.unsqueeze(1))
        return parts[0] - parts[1], deep, self.words(i), self.flat(F.pad(x, (1, 0))), parts[1] @ self.matrix


class Single(nn.Module):
    """What has no decomposition that is read."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 2, num_layers=2, batch_first=True)

    def forward(self, x):  # [B, 2, 5, 3]
        y, _ = self.rnn(x[:, 0])
        return y, F.adaptive_max_pool2d(x, (5, 1)), F.adaptive_max_pool2d(x, 1)


def settle(model):
    """Running statistics and parameters that are not their initial values."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, nn.InstanceNorm2d)):
            for parameter in module.parameters():
                nn.init.uniform_(parameter, 0.2, 1.2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.05, 0.4)
    return model.eval()


def write(name, model, x, core=False, dynamic=True, samples=None):
    xs = x if isinstance(x, tuple) else (x,)
    batch = tuple({0: torch.export.Dim("batch", min=2, max=1024)} for _ in xs) if dynamic else None
    program = torch.export.export(model, tuple(it[:samples] for it in xs), dynamic_shapes=batch)
    torch.export.save(program, f"{name}.pt2")
    strip(f"{name}.pt2")
    if core:
        torch.export.save(program.run_decompositions(), f"{name}_core.pt2")
        strip(f"{name}_core.pt2")
    parts = [model(*part) for part in zip(*(it.split(samples or len(it)) for it in xs))]
    parts = [it if isinstance(it, tuple) else (it,) for it in parts]
    outputs = [torch.cat(it) for it in zip(*parts)]
    arrays = {f"y{k}": y.detach().float().numpy() for k, y in enumerate(outputs)}
    arrays |= {f"x{k}": x.numpy() for k, x in enumerate(xs)}
    np.savez(f"{name}.npz", **arrays)


if __name__ == "__main__":
    write("t_zoo", settle(Zoo()), torch.randn(5, 8), core=True)
    write("t_image", settle(Image()), torch.randn(3, 4, 8, 8))
    write("t_steps", settle(Steps()), torch.randn(3, 7, 5), dynamic=False)
    write("t_single", settle(Encoder()), torch.randn(3, 5, 8), dynamic=False, samples=1)
    write("t_strides", settle(Strides()), torch.randn(3, 8), dynamic=False)
    torch.manual_seed(11)
    write("t_ranks", settle(Ranks()), torch.round(torch.randn(3, 2, 3, 4) * 32) / 32)
    torch.manual_seed(11)
    write("t_rest", settle(Rest()), torch.randn(4, 3, 6))
    torch.manual_seed(11)
    write("t_more", settle(More()), (torch.randn(4, 2, 3, 3), torch.randint(0, 5, (4, 4))), core=True)
    torch.manual_seed(11)
    write("t_cells", settle(Single()), torch.randn(4, 2, 5, 3), dynamic=False)
