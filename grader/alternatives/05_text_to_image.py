# Other correct solutions of lesson 05: each must pass, whatever its style.

# %% exercise="normalize_embeddings" style="F.normalize"
def normalize_embeddings(x):
    return F.normalize(x, dim=-1)


# %% exercise="normalize_embeddings" style="a small number added to the length"
def normalize_embeddings(x):
    return x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + 1e-8)


# %% exercise="normalize_embeddings" style="rsqrt of the squares"
def normalize_embeddings(x):
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-12)


# %% exercise="normalize_embeddings" style="where"
def normalize_embeddings(x):
    norms = x.pow(2).sum(dim=1).sqrt()
    safe = torch.where(norms > 0, norms, torch.ones_like(norms))
    return torch.einsum("bd,b->bd", x, 1 / safe)


# %% exercise="clip_contrastive_loss" style="log_softmax and the diagonal"
def clip_contrastive_loss(image_embeddings, text_embeddings, logit_scale):
    img = F.normalize(image_embeddings, dim=-1)
    txt = F.normalize(text_embeddings, dim=-1)
    logits = torch.exp(logit_scale) * torch.einsum("id,jd->ij", img, txt)
    rows = logits.log_softmax(dim=1).diagonal()
    columns = logits.log_softmax(dim=0).diagonal()
    return -(rows + columns).mean() / 2


# %% exercise="clip_contrastive_loss" style="two matrix products, as open_clip does"
def clip_contrastive_loss(image_embeddings, text_embeddings, logit_scale):
    image_features = image_embeddings / (image_embeddings.norm(dim=1, keepdim=True) + 1e-8)
    text_features = text_embeddings / (text_embeddings.norm(dim=1, keepdim=True) + 1e-8)
    scale = logit_scale.exp()
    logits_per_image = scale * image_features @ text_features.t()
    logits_per_text = scale * text_features @ image_features.t()
    labels = torch.arange(image_features.shape[0], device=image_features.device, dtype=torch.long)
    total = F.cross_entropy(logits_per_image, labels) + F.cross_entropy(logits_per_text, labels)
    return 0.5 * total


# %% exercise="clip_contrastive_loss" style="soft targets and logsumexp"
def clip_contrastive_loss(image_embeddings, text_embeddings, logit_scale):
    similarity = F.cosine_similarity(image_embeddings[:, None], text_embeddings[None], dim=-1)
    logits = similarity * logit_scale.exp()
    right = logits.diag()
    losses = [torch.logsumexp(logits, dim=axis) - right for axis in (0, 1)]
    return torch.stack(losses).mean()


# %% exercise="zero_shot_classify" style="cosine_similarity"
def zero_shot_classify(image_embeddings, class_text_embeddings):
    cosines = F.cosine_similarity(
        image_embeddings.unsqueeze(1), class_text_embeddings.unsqueeze(0), dim=2
    )
    return torch.max(cosines, dim=1).indices


# %% exercise="zero_shot_classify" style="images are left as they are: their length cannot matter"
def zero_shot_classify(image_embeddings, class_text_embeddings):
    return (image_embeddings @ F.normalize(class_text_embeddings, dim=-1).T).topk(1).indices[:, 0]


# %% exercise="zero_shot_classify" style="nearest unit vector, no gradients"
@torch.no_grad()
def zero_shot_classify(image_embeddings, class_text_embeddings):
    image_embeddings = F.normalize(image_embeddings, p=2, dim=1)
    class_text_embeddings = F.normalize(class_text_embeddings, p=2, dim=1)
    probs = (100.0 * image_embeddings @ class_text_embeddings.t()).softmax(dim=-1)
    return probs.argmax(-1)


# %% exercise="encode_text_sequence" style="casts, as open_clip does"
def encode_text_sequence(clip_model, tokens):
    cast_dtype = clip_model.transformer.get_cast_dtype()
    x = clip_model.token_embedding(tokens).to(cast_dtype)
    x = x + clip_model.positional_embedding.to(cast_dtype)
    x = clip_model.transformer(x, attn_mask=clip_model.attn_mask)
    return clip_model.ln_final(x)


# %% exercise="encode_text_sequence" style="layer by layer, shorter texts too"
def encode_text_sequence(clip_model, tokens):
    length = tokens.shape[1]
    hidden = clip_model.token_embedding(tokens) + clip_model.positional_embedding[:length]
    for block in clip_model.transformer.resblocks:
        hidden = block(hidden, attn_mask=clip_model.attn_mask[:length, :length])
    return clip_model.ln_final(hidden)


# %% exercise="encode_text_sequence" style="a hook"
def encode_text_sequence(clip_model, tokens):
    kept = []
    handle = clip_model.ln_final.register_forward_hook(lambda _, __, out: kept.append(out))
    try:
        clip_model.encode_text(tokens)
    finally:
        handle.remove()
    return kept[0]


# %% exercise="encode_text_sequence" style="open_clip's intermediates"
def encode_text_sequence(clip_model, tokens):
    found = clip_model.forward_intermediates(
        text=tokens, normalize_intermediates=True, normalize=False, intermediates_only=True
    )
    return found["text_intermediates"][-1]


# %% exercise="CrossAttention" style="views by hand"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        assert d_model % n_heads == 0
        self.heads, self.head_dim = n_heads, d_model // n_heads
        self.scale = self.head_dim**-0.5
        self.norm = nn.LayerNorm(d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model)

    def _cut(self, y):
        return y.view(y.size(0), y.size(1), self.heads, self.head_dim).transpose(1, 2)

    def forward(self, x, context):
        residual = x
        q, k, v = self._cut(self.to_q(self.norm(x))), self._cut(self.to_k(context)), self._cut(self.to_v(context))
        attn = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) * self.scale, dim=-1)
        out = torch.matmul(attn, v).transpose(1, 2).contiguous().view(x.shape)
        return self.out_proj(out) + residual


# %% exercise="CrossAttention" style="F.scaled_dot_product_attention"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        self.norm, self.out_proj = nn.LayerNorm(d_model), nn.Linear(d_model, d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.h = n_heads

    def forward(self, x, context):
        q = self.to_q(self.norm(x)).unflatten(-1, (self.h, -1)).transpose(1, 2)
        k = self.to_k(context).unflatten(-1, (self.h, -1)).transpose(1, 2)
        v = self.to_v(context).unflatten(-1, (self.h, -1)).transpose(1, 2)
        out = F.scaled_dot_product_attention(q, k, v)
        return x + self.out_proj(out.transpose(1, 2).flatten(2))


# %% exercise="CrossAttention" style="heads in the batch axis, einsum and einops"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        self.n_heads = n_heads
        self.to_q, self.to_k, self.to_v = (
            nn.Linear(width, d_model, bias=False) for width in (d_model, context_dim, context_dim)
        )
        self.out_proj = nn.Linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, x, context):
        q, k, v = self.to_q(self.norm(x)), self.to_k(context), self.to_v(context)
        q, k, v = (rearrange(y, "b n (h d) -> (b h) n d", h=self.n_heads) for y in (q, k, v))
        scores = torch.einsum("bnd,bsd->bns", q / q.shape[-1] ** 0.5, k)
        out = torch.einsum("bns,bsd->bnd", scores.softmax(-1), v)
        return x + self.out_proj(rearrange(out, "(b h) n d -> b n (h d)", h=self.n_heads))


# %% exercise="CrossAttention" style="F.multi_head_attention_forward with these weights"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        self.d_model, self.n_heads = d_model, n_heads
        self.norm = nn.LayerNorm(d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, context):
        q, context = self.norm(x).transpose(0, 1), context.transpose(0, 1)
        out, _ = F.multi_head_attention_forward(
            q, context, context, self.d_model, self.n_heads, None, None, None, None, False, 0.0,
            self.out_proj.weight, self.out_proj.bias, use_separate_proj_weight=True,
            q_proj_weight=self.to_q.weight, k_proj_weight=self.to_k.weight,
            v_proj_weight=self.to_v.weight, need_weights=False,
        )
        return x + out.transpose(0, 1)


# %% exercise="CrossAttention" style="nn.MultiheadAttention with copied weights"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, context):
        width, words = x.shape[-1], context.shape[-1]
        theirs = nn.MultiheadAttention(
            width, self.n_heads, kdim=words, vdim=words, batch_first=True, device="meta"
        )
        mine = {"out_proj.weight": self.out_proj.weight, "out_proj.bias": self.out_proj.bias}
        mine["in_proj_bias"] = torch.zeros_like(self.out_proj.bias).repeat(3)
        stacked = {f"{n}_proj_weight": getattr(self, f"to_{n}").weight for n in "qkv"}
        if width == words:
            stacked = {"in_proj_weight": torch.cat(list(stacked.values()))}
        given = (self.norm(x), context, context)
        out, _ = torch.func.functional_call(theirs, mine | stacked, given, {"need_weights": False})
        return x + out


# %% exercise="CrossAttention" style="one head after the other"
class CrossAttention(nn.Module):
    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        self.width = d_model // n_heads
        self.norm = nn.LayerNorm(d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model, bias=True)

    def forward(self, x, context):
        parts = [y.split(self.width, dim=-1) for y in (self.to_q(self.norm(x)), self.to_k(context), self.to_v(context))]
        heads = [(q @ k.mT / self.width**0.5).softmax(-1) @ v for q, k, v in zip(*parts, strict=True)]
        return x + self.out_proj(torch.cat(heads, dim=-1))


# %% exercise="TransformerBlock" style="attention unpacked, weights thrown away"
class TransformerBlock(nn.Module):
    def __init__(self, d_model, context_dim, n_heads=8):
        super().__init__()
        self.norm1 = nn.LayerNorm(d_model)
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.cross_attn = CrossAttention(d_model=d_model, context_dim=context_dim, n_heads=n_heads)
        self.norm2 = nn.LayerNorm(d_model)
        self.ff = nn.Sequential(nn.Linear(d_model, d_model * 4), nn.GELU(), nn.Linear(d_model * 4, d_model))

    def forward(self, x, context):
        normed = self.norm1(x)
        attended, _ = self.self_attn(normed, normed, normed)
        x = x + attended
        x = self.cross_attn(x, context)
        x = x + self.ff(self.norm2(x))
        return x


# %% exercise="TransformerBlock" style="one expression, norm computed three times"
class TransformerBlock(nn.Module):
    def __init__(self, d_model, context_dim, n_heads=8):
        super().__init__()
        self.ff = nn.Sequential(nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model))
        self.norm2, self.norm1 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.cross_attn = CrossAttention(d_model, context_dim, n_heads)
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, dropout=0.0, batch_first=True)

    def forward(self, x, context):
        n = self.norm1
        x = self.cross_attn(torch.add(x, self.self_attn(query=n(x), key=n(x), value=n(x))[0]), context)
        return x.add(self.ff(self.norm2(x)))


# %% exercise="TransformerBlock" style="channels of the attention weights averaged or not, F.gelu outside"
class TransformerBlock(nn.Module):
    def __init__(self, d_model, context_dim, n_heads=8):
        super().__init__()
        self.norm1 = nn.LayerNorm([d_model])
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.cross_attn = CrossAttention(d_model, context_dim, n_heads)
        self.norm2 = nn.LayerNorm([d_model])
        self.ff = nn.Sequential(nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model))

    def forward(self, x, context):
        h = self.norm1(x)
        x = self.self_attn(h, h, h, average_attn_weights=False)[0] + x
        x = self.cross_attn(x, context)
        first, _, second = self.ff
        return x + second(F.gelu(first(self.norm2(x))))


# %% exercise="SpatialTransformer" style="flatten and transpose"
class SpatialTransformer(nn.Module):
    def __init__(self, channels, context_dim, n_heads):
        super().__init__()
        self.norm = nn.GroupNorm(num_groups=8, num_channels=channels)
        self.proj_in = nn.Conv2d(channels, channels, kernel_size=1)
        self.block = TransformerBlock(channels, context_dim, n_heads)
        self.proj_out = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x, context):
        b, c, h, w = x.shape
        y = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)
        y = self.block(y, context)
        y = y.transpose(1, 2).reshape(b, c, h, w)
        return self.proj_out(y) + x


# %% exercise="SpatialTransformer" style="permute and view"
class SpatialTransformer(nn.Module):
    def __init__(self, channels, context_dim, n_heads):
        super().__init__()
        self.block = TransformerBlock(d_model=channels, context_dim=context_dim, n_heads=n_heads)
        self.proj_in, self.proj_out = (nn.Conv2d(channels, channels, (1, 1)) for _ in range(2))
        self.norm = nn.GroupNorm(8, channels)

    def forward(self, x, context):
        residual, (B, C, H, W) = x, x.size()
        x = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).contiguous().view(B, H * W, C)
        x = self.block(x, context).view(B, H, W, C).permute(0, 3, 1, 2)
        return residual + self.proj_out(x)


# %% exercise="SpatialTransformer" style="column by column: the block does not mind"
class SpatialTransformer(nn.Module):
    def __init__(self, channels, context_dim, n_heads):
        super().__init__()
        self.norm, self.block = nn.GroupNorm(8, channels), TransformerBlock(channels, context_dim, n_heads)
        self.proj_in = nn.Conv2d(channels, channels, 1, padding=0)
        self.proj_out = nn.Conv2d(channels, channels, 1, padding=0)

    def forward(self, x, context):
        tokens = rearrange(self.proj_in(self.norm(x)), "b c h w -> b (w h) c")
        back = rearrange(self.block(tokens, context), "b (w h) c -> b c h w", w=x.shape[3])
        return x + self.proj_out(back)


# %% exercise="posterior_step" style="t made a batch, the mean in x_0 and x_t"
def posterior_step(x_t, eps, t, schedule, z):
    if not torch.is_tensor(t):
        t = torch.full((x_t.shape[0],), t, device=x_t.device, dtype=torch.long)
    view = (-1,) + (1,) * (x_t.ndim - 1)
    ab = schedule["alpha_bar"][t].view(view)
    previous = schedule["alpha_bar"][(t - 1).clamp_min(0)].view(view)
    ab_prev = torch.where(t.view(view) == 0, torch.ones_like(ab), previous)
    beta, alpha = schedule["betas"][t].view(view), schedule["alphas"][t].view(view)
    x0 = ((x_t - (1 - ab).sqrt() * eps) / ab.sqrt()).clamp(-1.0, 1.0)
    mean = ab_prev.sqrt() * beta / (1 - ab) * x0 + alpha.sqrt() * (1 - ab_prev) / (1 - ab) * x_t
    sigma = torch.sqrt(schedule["posterior_variance"][t]).view(view)
    return torch.where(t.view(view) == 0, x0, mean + sigma * z)


# %% exercise="posterior_step" style="early return for one t, a loop over the samples for many"
def posterior_step(x_t, eps, t, schedule, z):
    if isinstance(t, torch.Tensor) and t.dim() > 0:
        rows = [posterior_step(x, e, int(i), schedule, n) for x, e, i, n in zip(x_t, eps, t, z, strict=True)]
        return torch.stack(rows)
    ab = schedule["alpha_bar"][t]
    x_0 = torch.clamp((x_t - schedule["sqrt_one_minus_alpha_bar"][t] * eps) / ab**0.5, -1, 1)
    if t == 0:
        return x_0
    before = schedule["alpha_bar"][t - 1]
    mean = (
        before.sqrt() * schedule["betas"][t] * x_0
        + schedule["sqrt_alpha"][t] * (1 - before) * x_t
    ) / (1 - ab)
    return mean + schedule["posterior_variance"][t] ** 0.5 * z


# %% exercise="posterior_step" style="a mask for the noise, F.pad for the first alpha_bar"
def posterior_step(x_t, eps, t, schedule, z):
    def look_up(table):
        return table[torch.as_tensor(t, device=table.device)].reshape(-1, *[1] * (x_t.dim() - 1))

    ab = schedule["alpha_bar"]
    prev = F.pad(ab[:-1], (1, 0), value=1.0)
    x_0 = (x_t - look_up(schedule["sqrt_one_minus_alpha_bar"]) * eps) / look_up(schedule["sqrt_alpha_bar"])
    x_0 = x_0.clip(-1, 1)
    weight = look_up(schedule["sqrt_alpha"] * (1 - prev) / (1 - ab))
    share = look_up(prev.sqrt() * schedule["betas"] / (1 - ab))
    last = (torch.as_tensor(t, device=x_t.device) == 0).reshape(-1, *[1] * (x_t.dim() - 1))
    log_variance = look_up(schedule["posterior_variance"].clamp_min(1e-20).log())
    out = share * x_0 + weight * x_t + (0.5 * log_variance).exp() * z
    return out.masked_fill(last, 0) + x_0 * last


# %% exercise="sample_text_to_image" style="one batched call, inference mode"
def sample_text_to_image(
    unet, encode_text, prompt, schedule, guidance_scale=7.5, H=64, W=64, C=3, device="cpu"
):
    was_training = getattr(unet, "training", False)
    if was_training:
        unet.eval()
    with torch.inference_mode():
        contexts = encode_text(["", prompt]).to(device)
        x = torch.randn((1, C, H, W), device=device)
        for step in range(schedule["betas"].shape[0] - 1, -1, -1):
            t = torch.tensor([step, step], device=device)
            eps_null, eps_cond = unet(x.repeat(2, 1, 1, 1), t, contexts).chunk(2)
            eps = torch.lerp(eps_null, eps_cond, guidance_scale)
            z = torch.randn_like(x) if step > 0 else torch.zeros_like(x)
            x = posterior_step(x, eps, step, schedule, z)
    if was_training:
        unet.train()
    return x


# %% exercise="sample_text_to_image" style="decorated, two calls, t of the batch"
@torch.no_grad()
def sample_text_to_image(
    unet, encode_text, prompt, schedule, guidance_scale=7.5, H=64, W=64, C=3, device="cpu"
):
    mode = unet.training if isinstance(unet, nn.Module) else None
    if mode is not None:
        unet.train(False)
    try:
        cond, uncond = encode_text([prompt]), encode_text([""])
        x_t = torch.empty(1, C, H, W, device=device).normal_()
        for i in torch.arange(len(schedule["betas"]), device=device).flip(0):
            t = i.expand(1)
            e_u = unet(x_t, t, uncond)
            e_c = unet(x_t, t, cond)
            eps = (1 - guidance_scale) * e_u + guidance_scale * e_c
            x_t = posterior_step(x_t, eps, t, schedule, torch.randn_like(x_t))
        return x_t
    finally:
        if mode is not None:
            unet.train(mode)


# %% exercise="sample_text_to_image" style="all noise drawn up front"
def sample_text_to_image(
    unet, encode_text, prompt, schedule, guidance_scale=7.5, H=64, W=64, C=3, device="cpu"
):
    T = len(schedule["alpha_bar"])
    training = isinstance(unet, nn.Module) and unet.training
    unet.eval() if training else None
    noise = torch.randn(T, 1, C, H, W, device=device)
    x = torch.randn(1, C, H, W, device=device)
    with torch.no_grad():
        words, nothing = encode_text([prompt]).to(device), encode_text([""]).to(device)
        for i in range(T)[::-1]:
            t = torch.zeros(1, dtype=torch.long, device=device) + i
            base = unet(x, t, nothing)
            eps = base + guidance_scale * (unet(x, t, words) - base)
            x = posterior_step(x, eps, t, schedule, noise[i])
    if training:
        unet.train()
    return x


# %% exercise="generate_image" style="sample_text_to_image with another empty sentence"
def generate_image(components, prompt, negative_prompt="", guidance_scale=7.5, seed=None):
    if seed is not None:
        torch.manual_seed(seed)
    with torch.no_grad():
        texts = {"prompt": components["encode_text"]([prompt]), "": components["encode_text"]([negative_prompt])}
    C, H, W = components["image_shape"]
    image = sample_text_to_image(
        components["unet"],
        lambda names: texts[names[0]],
        "prompt",
        components["schedule"],
        guidance_scale=guidance_scale,
        H=H,
        W=W,
        C=C,
        device=components["device"],
    )
    return image.squeeze(0) * 0.5 + 0.5


# %% exercise="generate_image" style="one batched call and a generator on the CPU"
def generate_image(components, prompt, negative_prompt="", guidance_scale=7.5, seed=None):
    unet, device = components["unet"], components["device"]
    schedule, shape = components["schedule"], (1, *components["image_shape"])
    generator = torch.Generator().manual_seed(seed) if seed is not None else None
    was_training = getattr(unet, "training", False)
    if was_training:
        unet.eval()
    with torch.no_grad():
        both = components["encode_text"]([negative_prompt, prompt]).to(device)
        x = torch.randn(shape, generator=generator).to(device)
        for i in range(len(schedule["betas"]) - 1, -1, -1):
            t = torch.full((2,), i, dtype=torch.long, device=device)
            e_neg, e_pos = unet(torch.cat([x, x]), t, both).chunk(2)
            z = torch.randn(shape, generator=generator).to(device) if i > 0 else torch.zeros_like(x)
            x = posterior_step(x, e_neg + guidance_scale * (e_pos - e_neg), i, schedule, z)
    if was_training:
        unet.train()
    return x[0].add(1).div(2).clamp(0, 1)


# %% exercise="generate_image" style="fork_rng around a seeded global generator"
@torch.no_grad()
def generate_image(components, prompt, negative_prompt="", guidance_scale=7.5, seed=None):
    if seed is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return generate_image(components, prompt, negative_prompt, guidance_scale)
    unet = components["unet"]
    training = isinstance(unet, nn.Module) and unet.training
    if training:
        unet.eval()
    encode = components["encode_text"]
    positive, negative = encode([prompt]), encode([negative_prompt])
    x = torch.randn(1, *components["image_shape"]).to(components["device"])
    for i in reversed(range(len(components["schedule"]["betas"]))):
        t = torch.tensor([i], device=x.device)
        a, b = unet(x, t, negative), unet(x, t, positive)
        x = posterior_step(x, a + guidance_scale * (b - a), t, components["schedule"], torch.randn_like(x))
    if training:
        unet.train()
    return (x.squeeze(0) + 1) / 2
