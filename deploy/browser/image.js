// Grey images, {width, height, data}, and OpenCV's ways to resize them: what the Python code does with cv2.

/** Python's round: halves go to the even neighbour. */
export function round(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The luma (BT.601) of RGBA pixels, as OpenCV computes it. */
export function toGrey({ width, height, data }) {
  const grey = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < grey.length; i++, at += 4)
    grey[i] = (4899 * data[at] + 9617 * data[at + 1] + 1868 * data[at + 2] + 8192) >> 14;
  return { width, height, data: grey };
}

/** A rectangle of the image; what lies beyond the border repeats it. */
export function cut(image, left, top, width, height) {
  const data = new Uint8Array(width * height);
  const columns = Int32Array.from({ length: width }, (_, x) => clamp(left + x, image.width));
  for (let y = 0; y < height; y++) {
    const row = clamp(top + y, image.height) * image.width;
    for (let x = 0; x < width; x++) data[y * width + x] = image.data[row + columns[x]];
  }
  return { width, height, data };
}

/** A square of the image, resized to `size`. */
export function cropSquare(image, left, top, sidePx, size) {
  let square = cut(image, left, top, sidePx, sidePx);
  while (square.width % 2 === 0 && square.width / 2 >= size) square = halve(square, square.width / 2, square.width / 2);
  return (square.width > size ? resizeArea : resizeLinear)(square, size, size);
}

const clamp = (value, length) => Math.min(Math.max(value, 0), length - 1);

/**
 * INTER_AREA: each pixel is the mean of the area that it stands for. For reducing. In float32, as OpenCV computes it,
 * because a mean that lies between two grey levels shows every rounding.
 */
export function resizeArea(image, width, height) {
  if (image.width === 2 * width && image.height === 2 * height) return halve(image, width, height);
  const across = areaWeights(image.width, width);
  const down = areaWeights(image.height, height);
  const narrow = new Float32Array(width);
  const sums = new Float32Array(width);
  const data = new Uint8Array(width * height);
  let narrowed = -1;
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let i = down.starts[y]; i < down.starts[y + 1]; i++) {
      const row = down.sources[i];
      if (row !== narrowed) narrowRow(image.data, row * image.width, across, narrow);
      narrowed = row;
      const share = down.shares[i];
      for (let x = 0; x < width; x++) sums[x] += Math.fround(share * narrow[x]);
    }
    for (let x = 0; x < width; x++) data[y * width + x] = round(sums[x]);
  }
  return { width, height, data };
}

/** Exactly half of each side, of which OpenCV rounds halves up. */
function halve(image, width, height) {
  const data = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0, at = 4 * y * width; x < width; x++, i++, at += 2) {
      const below = at + image.width;
      data[i] = (image.data[at] + image.data[at + 1] + image.data[below] + image.data[below + 1] + 2) >> 2;
    }
  return { width, height, data };
}

function narrowRow(pixels, offset, { starts, sources, shares }, narrow) {
  for (let x = 0; x < narrow.length; x++) {
    let sum = 0;
    for (let i = starts[x]; i < starts[x + 1]; i++)
      sum = Math.fround(sum + Math.fround(pixels[offset + sources[i]] * shares[i]));
    narrow[x] = sum;
  }
}

/** Which of the `from` pixels each of `to` pixels covers, and the share of each: those of x begin at `starts[x]`. */
function areaWeights(from, to) {
  const scale = from / to;
  const [starts, sources, shares] = [[0], [], []];
  const add = (source, share) => {
    sources.push(source);
    shares.push(share);
  };
  for (let at = 0; at < to; at++) {
    const [start, end] = [at * scale, (at + 1) * scale];
    const width = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) add(first - 1, (first - start) / width);
    for (let i = first; i < last; i++) add(i, 1 / width);
    if (end - last > 1e-3) add(last, Math.min(end - last, 1, width) / width);
    starts.push(sources.length);
  }
  return { starts: Int32Array.from(starts), sources: Int32Array.from(sources), shares: Float32Array.from(shares) };
}

/** INTER_LINEAR: between the four nearest pixels. In whole numbers, as OpenCV computes it. */
export function resizeLinear(image, width, height) {
  const across = linearWeights(image.width, width);
  const down = linearWeights(image.height, height);
  const wide = new Int32Array(width * image.height);
  for (let y = 0, i = 0, row = 0; y < image.height; y++, row += image.width)
    for (let x = 0; x < width; x++, i++)
      wide[i] =
        (image.data[row + across.firsts[x]] * across.shares[x] +
          image.data[row + across.seconds[x]] * across.rests[x]) >>
        4;
  const data = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const [above, below] = [down.firsts[y] * width, down.seconds[y] * width];
    const [share, rest] = [down.shares[y], down.rests[y]];
    for (let x = 0; x < width; x++, i++)
      data[i] = (((share * wide[above + x]) >> 16) + ((rest * wide[below + x]) >> 16) + 2) >> 2;
  }
  return { width, height, data };
}

/** For each of `to` pixels: the two pixels between which it lies, and the share of each in 2048ths. */
function linearWeights(from, to) {
  const [firsts, seconds, shares, rests] = Array.from({ length: 4 }, () => new Int32Array(to));
  for (let at = 0; at < to; at++) {
    const centre = Math.fround(((at + 0.5) * from) / to - 0.5);
    const first = Math.floor(centre);
    const rest = Math.fround(centre - first);
    firsts[at] = clamp(first, from);
    seconds[at] = clamp(first + 1, from);
    shares[at] = round(Math.fround(1 - rest) * 2048);
    rests[at] = round(rest * 2048);
  }
  return { firsts, seconds, shares, rests };
}

/** GaussianBlur over 5x5 with a standard deviation of 1, of a picture of this width in float32. */
export function smooth(values, width) {
  const bell = [-2, -1, 0, 1, 2].map((at) => Math.exp(-(at ** 2) / 2));
  const sum = bell.reduce((a, b) => a + b);
  return filter(
    values,
    width,
    bell.map((value) => value / sum),
  );
}

/** blur: the mean of a square of this side around each pixel. */
export const mean = (values, width, side) => filter(values, width, Array(side).fill(1 / side));

/** Along rows, then along columns; beyond the border the picture is mirrored. */
function filter(values, width, shares) {
  const height = values.length / width;
  const reach = (shares.length - 1) / 2;
  const mirrored = (at, length) => (at < 0 ? -at : at >= length ? 2 * length - 2 - at : at);
  const places = (length) => Array.from({ length }, (_, i) => shares.map((_, k) => mirrored(i + k - reach, length)));
  const [columns, rows] = [places(width), places(height)];
  const [wide, all] = [new Float32Array(values.length), new Float32Array(values.length)];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * values[y * width + columns[x][k]];
      wide[y * width + x] = sum;
    }
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * wide[rows[y][k] * width + x];
      all[y * width + x] = sum;
    }
  return all;
}
