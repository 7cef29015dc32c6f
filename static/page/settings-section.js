// The parts of the settings share a frame: a heading, and a line for what was refused or done.

import { el } from "./dom.js";
import { afterPress } from "./press.js";
import { tell, tellProblem } from "./problems.js";

export class Section {
  #isBusy = false;

  constructor(id, title, ...children) {
    this.heading = el("h3", { id: `${id}-title`, tabindex: "-1" }, title);
    this.line = el("p", { class: "section-line", role: "status", "data-testid": `${id}-line`, hidden: true });
    this.node = el("section", { class: "settings-section", "aria-labelledby": `${id}-title` }, this.heading, ...children, this.line);
  }

  /** Runs the work of a press, one at a time. Returns false if it is refused, and says why. */
  async attempt(work, done = "") {
    if (this.#isBusy) return false;
    this.#isBusy = true;
    this.say();
    try {
      await work();
      afterPress(() => this.say(done));
      return true;
    } catch (problem) {
      afterPress(() => this.refuse(problem));
      return false;
    } finally {
      this.#isBusy = false;
    }
  }

  say(words = "") {
    this.line.classList.remove("problem");
    tell(this.line, ...(words ? [words] : []));
  }

  refuse(problem) {
    this.line.classList.add("problem");
    tellProblem(this.line, problem);
  }
}

let fields = 0;

/** Returns a labelled field. `attributes` are those of its input. */
export function field(label, attributes, hint) {
  const id = `settings-field-${++fields}`;
  const input = el("input", { id, maxlength: "256", ...attributes, "aria-describedby": hint && `${id}-hint` });
  return { input, node: el("div", { class: "field" }, el("label", { for: id }, label), input, hint && el("p", { class: "hint", id: `${id}-hint` }, hint)) };
}

/** Returns a form that calls `submit` instead of loading a page. */
export const form = (submit, ...children) => el("form", {
  novalidate: true,
  submit: (event) => {
    event.preventDefault();
    submit();
  },
}, ...children);
