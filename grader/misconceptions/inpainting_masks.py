"""Misconceptions about masks and examples (lesson 07)."""

from grader.misconceptions import Edit

BOX = [
    Edit(
        "lengths_as_ends",
        "mask[top : top + height, left : left + width]",
        "mask[top:height, left:width]",
        "You read height and width as the row and column where the box ends. They are lengths: "
        "the box ends at top + height and left + width.",
    ),
    Edit(
        "x_before_y",
        "top, left, height, width = bbox",
        "left, top, width, height = bbox",
        "You unpack the box as (x, y, width, height). Here it is (top, left, height, width): "
        "rows come first.",
    ),
    Edit(
        "inverted",
        "mask[top : top + height, left : left + width] = 1",
        "mask[:] = 1\n    mask[top : top + height, left : left + width] = 0",
        "Your mask is turned round: 0 inside the box and 1 elsewhere. In this course 1 marks "
        "the hole.",
    ),
    Edit(
        "channels_first",
        "return mask",
        "return mask.permute(2, 0, 1)",
        "Your mask has its channel first, (1, H, W). This function uses the layout of picture "
        "files: (H, W, 1).",
    ),
    Edit(
        "no_channel",
        "torch.zeros(image_height, image_width, 1)",
        "torch.zeros(image_height, image_width)",
        "Your mask is (H, W). It needs an axis of size one at the end, (H, W, 1), to multiply "
        "an image (H, W, C).",
    ),
    Edit(
        "bytes",
        "torch.zeros(image_height, image_width, 1)",
        "torch.zeros(image_height, image_width, 1, dtype=torch.uint8)",
        "The values are right, but the mask holds bytes. It will be multiplied with float "
        "images: make it float32.",
    ),
    Edit(
        "clipped",
        "    if not inside:",
        "    if inside is None:",
        "A box that leaves the image is accepted, and slicing cuts it in silence or counts from"
        " the other end. Raise a ValueError.",
    ),
    Edit(
        "far_sides_unchecked",
        "inside = inside and top + height <= image_height and left + width <= image_width",
        "inside = inside and top < image_height and left < image_width",
        "You check where the box begins, but not where it ends. top + height must not exceed "
        "the image's height, nor left + width its width.",
    ),
    Edit(
        "near_sides_unchecked",
        "inside = top >= 0 and left >= 0",
        "inside = True",
        "A negative top or left passes your test. Python reads it as counted from the end, and "
        "the box lands elsewhere or vanishes.",
    ),
    Edit(
        "edge_refused",
        "top + height <= image_height and left + width <= image_width",
        "top + height < image_height and left + width < image_width",
        "You refuse boxes that touch the last row or column. The end of a slice is not part of "
        "it, so top + height may equal the height.",
    ),
]

MASK = [
    Edit(
        "hole_is_zero",
        "    return mask",
        "    return 1 - mask",
        "Your mask is 0 in the hole and 1 elsewhere. Here 1 marks the hole: the pixels that are"
        " to be invented.",
    ),
    Edit(
        "center_half_offset",
        "mask[:, S // 4 : S - S // 4, S // 4 : S - S // 4] = 1",
        "mask[:, S // 3 : S - S // 3, S // 3 : S - S // 3] = 1",
        "The centre hole has the wrong size. It runs from S/4 to S − S/4 in both directions, so"
        " half as high and half as wide as the image.",
    ),
    Edit(
        "always_the_same_corner",
        "top, left = (whole(0, 1, generator) * (S - S // 2) for _ in range(2))",
        "top, left = 0, 0",
        "The hole is always in the top left corner. Two coin flips choose among four corners: "
        "one for the rows, one for the columns.",
    ),
    Edit(
        "one_flip_for_the_corner",
        "top, left = (whole(0, 1, generator) * (S - S // 2) for _ in range(2))",
        "top = left = whole(0, 1, generator) * (S - S // 2)",
        "Only two of the four corners ever occur. Flip a coin for the row and another one for "
        "the column.",
    ),
    Edit(
        "corner_of_a_quarter",
        "mask[:, top : top + S // 2, left : left + S // 2] = 1",
        "mask[:, top : top + S // 4, left : left + S // 4] = 1",
        "The corner hole has sides of S/4. They should be S/2, and the box should touch two "
        "edges of the image.",
    ),
    Edit(
        "always_square",
        "height, width = (whole(S // 4, S // 2, generator) for _ in range(2))",
        "height = width = whole(S // 4, S // 2, generator)",
        "All your random boxes are squares: one number serves as height and as width. Draw two.",
    ),
    Edit(
        "box_cut_by_the_edge",
        "top, left = whole(0, S - height, generator), whole(0, S - width, generator)",
        "top, left = whole(0, S - 1, generator), whole(0, S - 1, generator)",
        "Some boxes stick out and are cut at the edge, so their sides are shorter than S/4. Let"
        " top go up to S − height, left up to S − width.",
    ),
    Edit(
        "box_up_to_the_whole_image",
        "whole(S // 4, S // 2, generator) for",
        "whole(S // 4, S, generator) for",
        "Some sides are longer than S/2. A random box has sides from S/4 to S/2.",
    ),
    Edit(
        "always_top_left",
        "top, left = whole(0, S - height, generator), whole(0, S - width, generator)",
        "top, left = 0, 0",
        "The random box always lies in the same place. Draw its top and left as well.",
    ),
    Edit(
        "sprinkled_pixels",
        "mask = draw_strokes(S, generator)",
        "mask = (torch.rand(1, S, S, generator=generator) < 0.3).float()",
        "The free form is made of single pixels. That is noise, not a hole: a blur would fill "
        "it. Draw strokes that are connected.",
    ),
    Edit(
        "generator_ignored",
        "S, mask = image_size, torch.zeros(1, image_size, image_size)",
        "S, mask = image_size, torch.zeros(1, image_size, image_size)\n"
        "    generator = torch.default_generator",
        "Your draws ignore the generator, so the same seed gives other masks. Hand generator to"
        " every draw.",
    ),
    Edit(
        "unknown_mode_accepted",
        "raise ValueError(f\"mode must be one of {', '.join(MODES)}; got {mode!r}\")",
        "mask = torch.zeros(1, S, S)",
        "An unknown mode gives an empty mask: a typing error would train a model without holes."
        " Raise a ValueError that names the four modes.",
    ),
    Edit(
        "modes_not_named",
        "raise ValueError(f\"mode must be one of {', '.join(MODES)}; got {mode!r}\")",
        'raise ValueError(f"unknown mode {mode!r}")',
        "The error says that the mode is unknown, but not which ones exist. Name all four: the "
        "reader should not have to search.",
    ),
    Edit(
        "channel_missing",
        "    return mask",
        "    return mask[0]",
        "Your mask is (S, S). It needs a channel axis in front, (1, S, S), to multiply an image"
        " (C, S, S).",
    ),
]

ITEM = [
    Edit(
        "face_hidden",
        "visible = img * (1 - mask)",
        "visible = img * mask",
        "You keep what lies in the hole and hide the rest. 1 marks the hole, so the visible "
        "part is img · (1 − mask).",
    ),
    Edit(
        "hole_left_black",
        '"cond_image": visible + noise * mask',
        '"cond_image": visible',
        "The hole of cond_image is filled with zeros. It should hold noise: zero is a colour "
        "too, mid-grey, and would look like part of the face.",
    ),
    Edit(
        "noise_over_the_image",
        '"cond_image": visible + noise * mask',
        '"cond_image": img + noise * mask',
        "In the hole the noise lies on top of the picture: the answer shines through. Cut the "
        "picture out before the noise goes in.",
    ),
    Edit(
        "noise_everywhere",
        '"cond_image": visible + noise * mask',
        '"cond_image": visible + noise',
        "There is noise on the visible pixels as well. Multiply the noise by the mask: the "
        "known part stays clean.",
    ),
    Edit(
        "hole_not_white",
        '"mask_image": visible + mask',
        '"mask_image": visible',
        "In mask_image the hole is 0, a mid-grey that hides among the colours. White is 1: add "
        "the mask.",
    ),
    Edit(
        "mask_image_shows_noise",
        '"mask_image": visible + mask',
        '"mask_image": visible + noise * mask',
        "mask_image shows noise in the hole. It is for people: there the hole is white, 1.",
    ),
    Edit(
        "image_overwritten",
        "visible = img * (1 - mask)",
        "visible = img.mul_(1 - mask)",
        "You overwrite img itself, so the truth loses its hole as well, and so does the data "
        "set. Make a new tensor.",
    ),
    Edit(
        "mask_turned_round",
        '"mask": mask,',
        '"mask": 1 - mask,',
        "The images are right, but the returned mask is turned round. Return the mask as it "
        "came: 1 in the hole.",
    ),
    Edit(
        "condition_as_truth",
        '"gt_image": img,',
        '"gt_image": visible,',
        "gt_image is the ground truth, the image without any hole. You return it with the hole "
        "cut out.",
    ),
]
