"""The closing demonstration of lesson 06: sentences become latents, and latents pictures.

The parts come from the lessons; what they learned ships as two checkpoints.
"""

import torch
import torch.nn.functional as F

from course_utils import shape_judge
from course_utils.checkpoints import load_checkpoint
from course_utils.shapes import all_attributes, caption, load_shapes

CHECKPOINT, VAE_CHECKPOINT = "06_words", "06_words_vae"
BASE_CHANNELS, TIME_DIM, CONTEXT_DIM, HEADS = 16, 32, 64, 4
GUIDANCE = 2
SHAPE = (4, 8, 8)  # of the latents of a picture (3, 32, 32)
WISHES = (
    "a large blue triangle",
    "a small red circle on the left",
    "a large yellow circle at the top",
    "a small green circle at the bottom",
    "a large blue cross on the right",
    "a small yellow triangle in the middle",
    "a large blue circle on the left",
    "a small blue triangle at the top",
    "a large green triangle in the middle",
    "a small green triangle on the right",
)  # the last two show a pair that training leaves out


def large_shapes():
    """Lesson 05's captioned shapes at 32x32."""
    return load_shapes(32)


def words_unet(UNet, SpatialTransformer):
    """Lesson 03's U-Net, with lesson 05's spatial transformers on the way up: at 1x1, 2x2, 4x4.

    It predicts the velocity, as lesson 05's does.
    """

    class WordsUNet(UNet):
        def __init__(self):
            super().__init__(SHAPE[0], BASE_CHANNELS, TIME_DIM)
            self.readers = torch.nn.ModuleList(
                SpatialTransformer(many * BASE_CHANNELS, CONTEXT_DIM, HEADS) for many in (8, 4, 2)
            )

        def forward(self, x, timesteps, context):
            mid, third, second = self.readers
            t_emb, h = self.time_embed(timesteps), self.init_conv(x)
            skip1, h = self.down1(h, t_emb)
            skip2, h = self.down2(self.down1_proj(h), t_emb)
            skip3, h = self.down3(self.down2_proj(h), t_emb)
            h = mid(self.bottleneck(self.down3_proj(h), t_emb), context)
            h = third(self.up3(h, skip3, t_emb), context)
            h = second(self.up2(h, skip2, t_emb), context)
            return self.final_conv(self.up1(h, skip1, t_emb))

    return WordsUNet()


def shipped(unet, vae):
    """Load both checkpoints into these networks; returns the scaling factor of the latents."""
    load_checkpoint(VAE_CHECKPOINT, vae)
    return float(load_checkpoint(CHECKPOINT, unet)["scaling_factor"])


def guided_by(unet, context, empty, schedule, guidance_scale=GUIDANCE):
    """The U-Net as a model of (x_t, t) that gives the noise, guided towards sentences.

    One batched call per step. The velocity v = signal · noise - spread · x_0 becomes the noise.
    """
    both = torch.cat([context, empty.expand_as(context)])

    def model(x_t, t):
        v_cond, v_null = unet(torch.cat([x_t, x_t]), torch.cat([t, t]), both).chunk(2)
        signal, spread = levels(schedule, t)
        return spread * x_t + signal * (v_null + guidance_scale * (v_cond - v_null))

    return model


def levels(schedule, t):
    """The shares of signal and noise at timesteps t (B,): two tensors (B, 1, 1, 1)."""
    names = ("sqrt_alpha_bar", "sqrt_one_minus_alpha_bar")
    return [schedule[name][t].reshape(-1, 1, 1, 1) for name in names]


def judged(judge, images):
    """The attributes (N, 4) that lesson 05's judge, who knows 16x16, reads in 32x32 pictures."""
    return judge.read(F.avg_pool2d(images, 2))


def qualities(draw):
    """How many pictures show what was asked: every sentence once, by kind of pair.

    draw makes one picture per sentence, (N, 3, 32, 32).
    """
    judge, found = shape_judge.load_judge(), {}
    for kind, rows in {"seen pairs": all_attributes(), "held-out": all_attributes(True)}.items():
        images = draw([caption(row) for row in rows.tolist()])
        found[kind] = shape_judge.shares_right(judged(judge, images), rows)
    return found
