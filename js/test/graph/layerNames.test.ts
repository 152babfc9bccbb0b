import { expect, test } from "vitest";
import { commonPrefix, hasPrefix, isAutomatic, stageOf, withoutPrefix } from "../../src/graph/layerNames.ts";

test("which names Keras gave, and what names begin with", () => {
  expect(isAutomatic("batch_normalization_7", "BatchNormalization")).toBe(true);
  expect(isAutomatic("re_lu", "ReLU")).toBe(true);
  expect(isAutomatic("conv_7", "Conv2D")).toBe(false);
  expect(hasPrefix("block1_conv", "block1")).toBe(true);
  expect(hasPrefix("block10_conv", "block1")).toBe(false);
  const named = (...names: string[]) =>
    commonPrefix(names.map((name) => ({ name, automatic: isAutomatic(name, "Conv2D") })));
  expect(named("conv2_block1_1_conv", "conv2_block1_out")).toBe("conv2_block1");
  expect(named("conv2_block1_out", "conv2_block10_out")).toBe("conv2");
  expect(named("left", "right")).toBe("");
  expect(named("mixed0", "conv2d_1", "conv2d_2", "conv2d_3")).toBe("");
  expect(withoutPrefix("conv2_block1_out", "conv2_block1")).toBe("out");
  expect(withoutPrefix("conv2_block1", "conv2_block1")).toBe("conv2_block1");
  expect(stageOf("block2a_conv", true)).toBe("block2a");
  expect(stageOf("block2a_conv", false)).toBe("block2");
  expect(stageOf("block_12_add", true)).toBe("block_12");
  expect(stageOf("top_conv", true)).toBe(null);
});
