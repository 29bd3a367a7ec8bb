"""Misconceptions about the whole U-Net and its training step (lesson 03)."""

from grader.misconceptions import Edit

UNET = [
    Edit(
        "time_ignored",
        "t_emb = self.time_embed(timesteps)  # (B, t)",
        "t_emb = torch.zeros_like(self.time_embed(timesteps))",
        "The time never reaches the blocks: the answer is the same for every t. Compute t_emb once "
        "and hand it to every block.",
    ),
    Edit(
        "first_time_for_all",
        "t_emb = self.time_embed(timesteps)  # (B, t)",
        "t_emb = self.time_embed(timesteps[:1].expand_as(timesteps))",
        "Every sample got the time of the first one. Each sample has its own t.",
    ),
    Edit(
        "skips_of_zeros",
        "h = self.up1(h, skip1, t_emb)",
        "h = self.up1(h, torch.zeros_like(skip1), t_emb)",
        "The skip of the first level does not arrive. It carries the finest detail: hand skip1 to "
        "up1.",
    ),
    Edit(
        "skip_detached",
        "self.up1(h, skip1, t_emb)",
        "self.up1(h, skip1.detach(), t_emb)",
        "skip1 is detached: the values are right, but no gradient comes back through it.",
    ),
    Edit(
        "own_picture_as_skip",
        "self.up1(h, skip1, t_emb)",
        "self.up1(h, self.init_conv(x), t_emb)",
        "up1 gets the output of init_conv as its skip. The skip of a level is what its down block "
        "returned first.",
    ),
    Edit(
        "bottleneck_left_out",
        "h = self.bottleneck(self.down3_proj(h), t_emb)",
        "h = self.down3_proj(h)",
        "The bottleneck is never called. It is the one place where the network sees the whole "
        "picture at once.",
    ),
    Edit(
        "noise_returned",
        "return self.final_conv(h)",
        "return x - self.final_conv(h)",
        "You return x minus the output. The network returns what final_conv gives; whether that "
        "means the image or the noise is for the loss to say.",
    ),
    Edit(
        "input_added",
        "return self.final_conv(h)",
        "return x + self.final_conv(h)",
        "You add the input to the output. There is no shortcut around the whole network here.",
    ),
    Edit(
        "output_squashed",
        "return self.final_conv(h)",
        "return torch.tanh(self.final_conv(h))",
        "The output goes through a tanh. Noise and images may lie outside of [-1, 1]: return the "
        "output of final_conv as it is.",
    ),
    Edit(
        "final_conv_left_out",
        "return self.final_conv(h)",
        "return h",
        "final_conv is missing, so the result has base_channels channels. The output has the shape "
        "of the input.",
    ),
    Edit(
        "time_only_on_the_way_down",
        "h = self.up3(h, skip3, t_emb)  # (B, 4c, H/4, W/4)\n        h = self.up2(h, skip2, t_emb)",
        "t_emb = torch.zeros_like(t_emb)\n        h = self.up3(h, skip3, t_emb)\n"
        "        h = self.up2(h, skip2, t_emb)",
        "The blocks on the way up are not told the time. Every block gets t_emb.",
    ),
    Edit(
        "projections_left_out",
        "self.down2(self.down1_proj(h), t_emb)",
        "self.down2(h, t_emb)",
        "A projection is missing: down1 hands on 4c channels, down2 takes 2c. Each down block is "
        "followed by its 1×1 projection.",
    ),
    Edit(
        "skips_in_the_wrong_order",
        "h = self.up3(h, skip3, t_emb)",
        "h = self.up3(h, skip1, t_emb)",
        "The way up meets the skips in reverse: up3 takes skip3, the last one made, and up1 takes "
        "skip1.",
    ),
]

LEVEL = "level = t / num_timesteps * noise_level  # (B,)"
NOISY = "noisy = images + level.reshape(-1, 1, 1, 1) * torch.randn_like(images)"

STEP = [
    Edit(
        "one_level_for_all",
        LEVEL,
        "level = torch.full_like(t, noise_level, dtype=images.dtype)",
        "Every sample got the full noise level, whatever its t. The level is t/num_timesteps · "
        "noise_level: it grows with t.",
    ),
    Edit(
        "level_not_divided",
        "level = t / num_timesteps * noise_level",
        "level = t * noise_level",
        "t is not divided by num_timesteps: the noise is up to a thousand times too strong.",
    ),
    Edit(
        "level_as_variance",
        LEVEL,
        "level = (t / num_timesteps * noise_level).sqrt()",
        "You multiply the noise by the root of the level. Here the level is the standard deviation "
        "itself.",
    ),
    Edit(
        "thousand_steps_assumed",
        "level = t / num_timesteps * noise_level",
        "level = t / 1000 * noise_level",
        "You divide by 1000 even where num_timesteps is something else.",
    ),
    Edit(
        "one_t_for_the_batch",
        "(images.shape[0],), device=images.device)",
        "(1,), device=images.device).repeat(images.shape[0])",
        "All samples of a batch got the same t. Draw one per sample: a batch then covers many "
        "noise levels.",
    ),
    Edit(
        "first_t_left_out",
        "torch.randint(0, num_timesteps,",
        "torch.randint(1, num_timesteps,",
        "The timestep 0 is never drawn. Timesteps run from 0 to num_timesteps − 1.",
    ),
    Edit(
        "last_t_left_out",
        "torch.randint(0, num_timesteps,",
        "torch.randint(0, num_timesteps - 1,",
        "The last timestep is never drawn. randint leaves out its upper end already.",
    ),
    Edit(
        "t_as_fraction",
        "model(noisy, t), ",
        "model(noisy, t / num_timesteps), ",
        "The model got t/num_timesteps, a fraction. It takes the whole number t, int64.",
    ),
    Edit(
        "predicts_the_noise",
        "model(noisy, t), images)",
        "model(noisy, t), noisy - images)",
        "You compare the prediction with the noise. In this lesson the network predicts the clean "
        "image; noise comes in lesson 04.",
    ),
    Edit(
        "noisy_target",
        "model(noisy, t), images)",
        "model(noisy, t), noisy)",
        "You compare the prediction with the noisy image: the network learns to change nothing.",
    ),
    Edit(
        "clean_image_shown",
        "model(noisy, t), ",
        "model(images, t), ",
        "The model was shown the clean images, so there is nothing to learn. Show it the noisy "
        "ones. (Is your level always 0? // rounds down; divide with /.)",
    ),
    Edit(
        "uniform_noise",
        "torch.randn_like(images)",
        "torch.rand_like(images)",
        "Your noise is uniform between 0 and 1, so it also makes every image brighter. Use normal "
        "noise: randn.",
    ),
    Edit(
        "images_overwritten",
        NOISY,
        "noisy = images.add_(level.reshape(-1, 1, 1, 1) * torch.randn_like(images))",
        "The images themselves got noisy: you changed the caller's tensor. The next epoch would "
        "start from dirty data. Avoid add_ and += on inputs.",
    ),
    Edit(
        "sum_for_mean",
        "F.mse_loss(model(noisy, t), images)",
        'F.mse_loss(model(noisy, t), images, reduction="sum")',
        "You take the sum of the squared errors. Take the mean over all elements.",
    ),
    Edit(
        "absolute_error",
        "F.mse_loss",
        "F.l1_loss",
        "You take the absolute error. Asked for is the mean squared error.",
    ),
    Edit(
        "gradients_pile_up",
        "    optimizer.zero_grad()\n",
        "",
        "The first update is right, the second is not: the old gradients are still there. Clear "
        "them with zero_grad in every step.",
    ),
    Edit(
        "weights_never_move",
        "    loss.backward()\n    optimizer.step()\n",
        "    loss.backward()\n",
        "The weights did not move. Look for a missing optimizer.step, or a zero_grad between "
        "backward and step.",
    ),
    Edit(
        "tensor_returned",
        "return loss.item()",
        "return loss",
        "You return a tensor. Return a plain float with .item().",
    ),
    Edit(
        "loss_after_the_update",
        "return loss.item()",
        "return F.mse_loss(model(noisy, t), images).item()",
        "You compute the loss again after the update. Return the one from before.",
    ),
    Edit(
        "gradients_clipped",
        "optimizer.step()",
        "nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()",
        "The gradients were clipped before the step. Clipping is not part of this step, and it "
        "hides large losses.",
    ),
    Edit(
        "noise_in_float32",
        "torch.randn_like(images)",
        "torch.randn(images.shape, device=images.device).to(torch.bfloat16)",
        "The noise does not have the dtype of the images. Draw it with randn_like(images).",
    ),
    Edit(
        "draws_on_the_cpu",
        "torch.randn_like(images)",
        "torch.randn(images.shape, dtype=images.dtype)",
        "What you draw stays on the CPU when the images are on a GPU. Draw t and the noise on the "
        "device of the images.",
    ),
]
