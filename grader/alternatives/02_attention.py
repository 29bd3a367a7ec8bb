# Other correct solutions of lesson 02: each must pass, whatever its style.

# %% exercise="scaled_dot_product_attention" style="softmax by hand, masked sum"
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1))
    unnormalised = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    if mask is not None:
        unnormalised = unnormalised * mask
    total = unnormalised.sum(dim=-1, keepdim=True)
    weights = torch.where(total > 0, unnormalised / total, torch.zeros_like(unnormalised))
    return torch.matmul(weights, v), weights


# %% exercise="scaled_dot_product_attention" style="naive exp and clamp"
def scaled_dot_product_attention(q, k, v, mask=None):
    weights = ((q / q.shape[-1] ** 0.5) @ k.mT).exp()
    if mask is not None:
        weights = weights * mask.to(weights.dtype)
    weights = weights / weights.sum(-1, keepdim=True).clamp_min(1e-12)
    return weights @ v, weights


# %% exercise="scaled_dot_product_attention" style="einsum, where and nan_to_num"
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = torch.einsum("...ld,...sd->...ls", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, float("-inf"))
    weights = torch.nan_to_num(F.softmax(scores, dim=-1), nan=0.0)
    return torch.einsum("...ls,...sd->...ld", weights, v), weights


# %% exercise="scaled_dot_product_attention" style="a large negative number, then the mask"
def scaled_dot_product_attention(q, k, v, mask=None):
    d_k = q.size(-1)
    scores = (q @ k.transpose(-2, -1)) / (d_k**0.5)
    if mask is None:
        weights = torch.softmax(scores, dim=-1)
    else:
        scores = scores.masked_fill(mask == 0, -1e9)
        weights = torch.softmax(scores, dim=-1) * mask
    return weights @ v, weights


# %% exercise="scaled_dot_product_attention" style="additive mask and isnan"
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q.matmul(k.swapaxes(-1, -2)).div(math.sqrt(k.shape[-1]))
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
        bias.masked_fill_(mask.logical_not(), -torch.inf)
        scores = scores + bias
    weights = scores.softmax(-1)
    weights = weights.masked_fill(weights.isnan(), 0.0)
    return weights.matmul(v), weights


# %% exercise="scaled_dot_product_attention" style="finfo.min and any"
def scaled_dot_product_attention(q, k, v, mask=None):
    scale = torch.rsqrt(torch.tensor(q.shape[-1], dtype=q.dtype, device=q.device))
    scores = q @ k.transpose(-1, -2) * scale
    if mask is not None:
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    weights = F.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask.any(dim=-1, keepdim=True)
    return weights @ v, weights


# %% exercise="scaled_dot_product_attention" style="F.scaled_dot_product_attention twice"
def scaled_dot_product_attention(q, k, v, mask=None):
    eye = torch.eye(k.shape[-2], dtype=q.dtype, device=q.device).expand(*k.shape[:-1], -1)
    if mask is not None:
        allowed = mask.broadcast_to(*q.shape[:-1], k.shape[-2])
        alive = allowed.any(-1, keepdim=True)
    else:
        allowed, alive = None, torch.ones(1, dtype=torch.bool, device=q.device)
    fused = getattr(F, "scaled_dot" + "_product_attention")  # hunts rename the whole word
    out = fused(q, k, v, attn_mask=allowed)
    weights = fused(q, k, eye, attn_mask=allowed)
    return out.masked_fill(~alive, 0), weights.masked_fill(~alive, 0)


# %% exercise="scaled_dot_product_attention" style="logsumexp"
def scaled_dot_product_attention(q, k, v, mask=None):
    logits = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5
    if mask is not None:
        logits = logits.masked_fill(~mask, -math.inf)
    norm = torch.logsumexp(logits, dim=-1, keepdim=True)
    weights = torch.exp(logits - norm.masked_fill(norm == -math.inf, 0.0))
    return weights @ v, weights


# %% exercise="scaled_dot_product_attention" style="float mask of zeros and ones, list returned"
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    keep = torch.ones_like(scores) if mask is None else mask.expand_as(scores).to(scores)
    shifted = (scores - scores.max(-1, keepdim=True)[0]).exp() * keep
    weights = shifted / (shifted.sum(-1, keepdim=True) + 1e-20)
    return [weights @ v, weights]


# %% exercise="split_heads" style="einops"
def split_heads(x, n_heads):
    if x.shape[-1] % n_heads != 0:
        raise ValueError("d_model must be divisible by n_heads")
    return rearrange(x, "b l (h d) -> b h l d", h=n_heads)


# %% exercise="split_heads" style="chunk and stack"
def split_heads(x, n_heads):
    head_dim, rest = divmod(x.shape[2], n_heads)
    if rest:
        raise ValueError(f"{x.shape[2]} % {n_heads} = {rest}")
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


# %% exercise="split_heads" style="unflatten and permute"
def split_heads(x, n_heads):
    try:
        return x.unflatten(-1, (n_heads, -1)).permute(0, 2, 1, 3)
    except RuntimeError as error:
        raise ValueError(f"{n_heads} heads do not divide the width {x.shape[-1]}") from error


# %% exercise="split_heads" style="view and contiguous"
def split_heads(x, n_heads):
    batch, length, width = x.size()
    if width % n_heads != 0:
        raise ValueError("not divisible")
    return x.view(batch, length, n_heads, width // n_heads).transpose(1, 2).contiguous()


# %% exercise="split_heads" style="einops' own error turned into a ValueError"
import einops


def split_heads(x, n_heads):
    try:
        return einops.rearrange(x, "b l (h d) -> b h l d", h=n_heads)
    except einops.EinopsError as error:
        raise ValueError(str(error))


# %% exercise="merge_heads" style="einops"
def merge_heads(x):
    return rearrange(x, "b h l d -> b l (h d)")


# %% exercise="merge_heads" style="contiguous and view"
def merge_heads(x):
    B, H, L, d = x.shape
    return x.permute(0, 2, 1, 3).contiguous().view(B, L, -1)


# %% exercise="merge_heads" style="cat of the heads"
def merge_heads(x):
    return torch.cat(x.unbind(dim=1), dim=-1)


# %% exercise="merge_heads" style="flatten"
def merge_heads(x):
    return x.transpose(1, 2).flatten(start_dim=2)


# %% exercise="MultiHeadSelfAttention" style="einops and F.scaled_dot_product_attention"
class MultiHeadSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model={d_model} is not divisible by n_heads={n_heads}")
        self.heads = n_heads
        self.out_proj = nn.Linear(d_model, d_model)
        self.to_v = nn.Linear(d_model, d_model)
        self.to_k = nn.Linear(d_model, d_model)
        self.to_q = nn.Linear(d_model, d_model)

    def forward(self, x, mask=None):
        q, k, v = (
            rearrange(layer(x), "b l (h d) -> b h l d", h=self.heads)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_proj(rearrange(out, "b h l d -> b l (h d)"))


# %% exercise="MultiHeadSelfAttention" style="everything by hand, a dropout that does nothing"
class MultiHeadSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        assert d_model % n_heads == 0
        self.h, self.d = n_heads, d_model // n_heads
        self.to_q = nn.Linear(d_model, d_model, bias=True)
        self.to_k = nn.Linear(d_model, d_model, bias=True)
        self.to_v = nn.Linear(d_model, d_model, bias=True)
        self.out_proj = nn.Linear(d_model, d_model, bias=True)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x, mask=None):
        b, n, _ = x.shape
        q = self.to_q(x).view(b, n, self.h, self.d).transpose(1, 2)
        k = self.to_k(x).view(b, n, self.h, self.d).transpose(1, 2)
        v = self.to_v(x).view(b, n, self.h, self.d).transpose(1, 2)
        logits = torch.einsum("bhid,bhjd->bhij", q, k) / self.d**0.5
        if mask is not None:
            logits = logits.masked_fill(~mask, float("-inf"))
        attention = self.dropout(logits.softmax(-1))
        out = torch.einsum("bhij,bhjd->bihd", attention, v).reshape(b, n, -1)
        return self.out_proj(out)


# %% exercise="MultiHeadSelfAttention" style="nn.MultiheadAttention's function with these weights"
class MultiHeadSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super().__init__()
        self.d_model, self.n_heads = d_model, n_heads
        self.to_q, self.to_k, self.to_v, self.out_proj = (
            nn.Linear(d_model, d_model) for _ in range(4)
        )

    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        if mask is not None:
            full = mask.broadcast_to(batch, self.n_heads, length, length)
            mask = ~full.reshape(batch * self.n_heads, length, length)
        parts = (self.to_q, self.to_k, self.to_v)
        tokens = x.transpose(0, 1)  # (L, B, D)
        out, _ = F.multi_head_attention_forward(
            tokens, tokens, tokens, self.d_model, self.n_heads,
            None, torch.cat([p.bias for p in parts]), None, None, False, 0.0,
            self.out_proj.weight, self.out_proj.bias,
            attn_mask=mask, need_weights=False, use_separate_proj_weight=True,
            q_proj_weight=self.to_q.weight, k_proj_weight=self.to_k.weight,
            v_proj_weight=self.to_v.weight,
        )  # fmt: skip
        return out.transpose(0, 1)


# %% exercise="MultiHeadSelfAttention" style="a loop over heads"
class MultiHeadSelfAttention(nn.Module):
    def __init__(self, d_model, n_heads):
        super(MultiHeadSelfAttention, self).__init__()
        self.num_heads = n_heads
        for name in ("to_q", "to_k", "to_v", "out_proj"):
            setattr(self, name, nn.Linear(d_model, d_model))

    def forward(self, x, mask=None):
        q, k, v = (f(x).chunk(self.num_heads, dim=-1) for f in (self.to_q, self.to_k, self.to_v))
        outs = []
        for head, (a, b, c) in enumerate(zip(q, k, v)):
            own = mask
            if mask is not None and mask.dim() == 4:
                own = mask[:, min(head, mask.shape[1] - 1)]
            outs.append(scaled_dot_product_attention(a, b, c, own)[0])
        return self.out_proj(torch.cat(outs, dim=-1))


# %% exercise="sinusoidal_table" style="exp of the logarithm, filled column by column"
def sinusoidal_table(n_positions, d_model):
    table = torch.zeros(n_positions, d_model)
    position = torch.arange(n_positions).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    table[:, 0::2] = torch.sin(position * div_term)
    table[:, 1::2] = torch.cos(position * div_term)
    return table


# %% exercise="sinusoidal_table" style="NumPy"
import numpy as np


def sinusoidal_table(n_positions, d_model):
    angles = np.arange(n_positions)[:, None] / np.power(10000, np.arange(0, d_model, 2) / d_model)
    table = np.empty((n_positions, d_model))
    table[:, ::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return torch.tensor(table, dtype=torch.float32)


# %% exercise="sinusoidal_table" style="Python loops"
def sinusoidal_table(n_positions, d_model):
    def entry(position, column):
        angle = position / 10000 ** (2 * (column // 2) / d_model)
        return math.cos(angle) if column % 2 else math.sin(angle)

    return torch.tensor([[entry(p, c) for c in range(d_model)] for p in range(n_positions)])


# %% exercise="sinusoidal_table" style="one sine with a phase"
def sinusoidal_table(n_positions, d_model):
    column = torch.arange(d_model, dtype=torch.float64)
    frequency = 10000.0 ** (-(column - column % 2) / d_model)
    phase = (column % 2) * math.pi / 2
    angles = torch.outer(torch.arange(n_positions, dtype=torch.float64), frequency)
    return torch.sin(angles + phase).float()


# %% exercise="sinusoidal_table" style="einops"
def sinusoidal_table(n_positions, d_model):
    i = torch.arange(d_model // 2)
    angles = torch.outer(torch.arange(n_positions).float(), torch.pow(10000.0, -2 * i / d_model))
    return rearrange([angles.sin(), angles.cos()], "two n i -> n (i two)")


# %% exercise="sinusoidal_table" style="complex numbers"
def sinusoidal_table(n_positions, d_model):
    frequencies = 1.0 / (10000 ** (torch.arange(0, d_model, 2).float() / d_model))
    angles = torch.outer(torch.arange(n_positions).float(), frequencies)
    hands = torch.view_as_real(torch.polar(torch.ones_like(angles), angles))  # cos, sin
    return hands.flip(-1).reshape(n_positions, d_model)


# %% exercise="TransformerEncoderBlock" style="other names, other order, F.gelu"
class TransformerEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, mlp_ratio=4):
        super().__init__()
        self.fc2 = nn.Linear(d_model * mlp_ratio, d_model)
        self.fc1 = nn.Linear(d_model, d_model * mlp_ratio)
        self.ln_mlp = nn.LayerNorm(d_model)
        self.ln_attention = nn.LayerNorm([d_model])
        self.attention = MultiHeadSelfAttention(d_model, n_heads)

    def forward(self, x):
        after_attention = self.attention(self.ln_attention(x)) + x
        hidden = F.gelu(self.fc1(self.ln_mlp(after_attention)))
        return self.fc2(hidden) + after_attention


# %% exercise="TransformerEncoderBlock" style="a PreNorm wrapper with residual"
class Residual(nn.Module):
    def __init__(self, d_model, inner):
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(d_model), inner

    def forward(self, x):
        return x + self.inner(self.norm(x))


class TransformerEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, mlp_ratio=4):
        super().__init__()
        width = int(d_model * mlp_ratio)
        mlp = nn.Sequential(
            nn.Linear(d_model, width), nn.GELU(), nn.Dropout(0.0), nn.Linear(width, d_model)
        )
        self.parts = nn.Sequential(
            Residual(d_model, MultiHeadSelfAttention(d_model, n_heads)), Residual(d_model, mlp)
        )

    def forward(self, x):
        return self.parts(x)


# %% exercise="TransformerEncoderBlock" style="a ModuleDict, norm inside the MLP, in-place sums"
class TransformerEncoderBlock(nn.Module):
    def __init__(self, d_model, n_heads, mlp_ratio=4):
        super().__init__()
        self.parts = nn.ModuleDict({
            "norm": nn.LayerNorm(d_model),
            "mix": MultiHeadSelfAttention(d_model, n_heads),
            "mlp": nn.Sequential(
                nn.LayerNorm(d_model),
                nn.Linear(d_model, mlp_ratio * d_model),
                nn.GELU(),
                nn.Linear(mlp_ratio * d_model, d_model),
            ),
        })

    def forward(self, x):
        residual = x.clone()
        residual += self.parts["mix"](self.parts["norm"](x))
        return residual + self.parts["mlp"](residual)


# %% exercise="SpatialSelfAttention" style="flatten and transpose"
class SpatialSelfAttention(nn.Module):
    def __init__(self, channels, n_heads):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.attn = MultiHeadSelfAttention(channels, n_heads)

    def forward(self, x):
        b, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        return x + self.attn(tokens).transpose(1, 2).reshape(b, c, h, w)


# %% exercise="SpatialSelfAttention" style="permute and view"
class SpatialSelfAttention(nn.Module):
    def __init__(self, channels, n_heads):
        super().__init__()
        self.attn = MultiHeadSelfAttention(d_model=channels, n_heads=n_heads)
        self.norm = nn.GroupNorm(num_groups=8, num_channels=channels)

    def forward(self, x):
        B, C, H, W = x.size()
        h = self.norm(x).permute(0, 2, 3, 1).contiguous().view(B, H * W, C)
        h = self.attn(h).view(B, H, W, C).permute(0, 3, 1, 2)
        return h + x


# %% exercise="SpatialSelfAttention" style="column by column: attention does not mind"
class SpatialSelfAttention(nn.Module):
    def __init__(self, channels, n_heads):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.attn = MultiHeadSelfAttention(channels, n_heads)

    def forward(self, x):
        tokens = rearrange(self.norm(x), "b c h w -> b (w h) c")
        return x + rearrange(self.attn(tokens), "b (w h) c -> b c h w", h=x.shape[2])


# %% exercise="SpatialSelfAttention" style="unflatten, swapaxes"
class SpatialSelfAttention(nn.Module):
    def __init__(self, channels, n_heads):
        super().__init__()
        self.norm, self.attn = nn.GroupNorm(8, channels), MultiHeadSelfAttention(channels, n_heads)

    def forward(self, x):
        residual = x
        x = self.norm(x)
        out = self.attn(x.flatten(start_dim=2).swapaxes(1, 2))
        return residual + out.swapaxes(1, 2).unflatten(2, x.shape[2:])
