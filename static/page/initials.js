// The initials of a name.

const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const SIGN = /[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]/u;
const EMOJI = /[\p{Extended_Pictographic}\p{Regional_Indicator}]/u;

/** Returns the first letter of the first and of the last word. A name that piles up marks gets one of them, and one of symbols alone its first. */
export function initialsOf(name) {
  const words = name.normalize("NFC").trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map(initialOf).join("");
}

function initialOf(word) {
  const all = [...characters.segment(word)].map(({ segment }) => segment);
  const first = all.find((one) => SIGN.test(one)) ?? all[0] ?? "";
  // In upper case some letters are two.
  return EMOJI.test(first) ? first : /^\P{M}?\p{M}?/u.exec(first.toUpperCase())[0];
}
