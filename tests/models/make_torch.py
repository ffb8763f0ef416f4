"""Makes t_zoo.pt2, t_zoo_core.pt2, t_strides.pt2 and their goldens, with torch 2.15: `python make_torch.py`.

The zoo has every activation and every way of arranging a fully connected network; `t_strides` stores
its weights in every way a tensor can lie in a storage.
"""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

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


def settle(model):
    """Running statistics and parameters that are not their initial values."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.05, 0.4)
    return model.eval()


def write(name, model, x, core=False, dynamic=True):
    batch = ({0: torch.export.Dim("batch", min=2, max=1024)},) if dynamic else None
    program = torch.export.export(model, (x,), dynamic_shapes=batch)
    torch.export.save(program, f"{name}.pt2")
    if core:
        torch.export.save(program.run_decompositions(), f"{name}_core.pt2")
    outputs = model(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    arrays = {f"y{k}": y.detach().numpy() for k, y in enumerate(outputs)}
    np.savez(f"{name}.npz", x0=x.numpy(), **arrays)


if __name__ == "__main__":
    write("t_zoo", settle(Zoo()), torch.randn(5, 8), core=True)
    write("t_strides", settle(Strides()), torch.randn(3, 8), dynamic=False)
