"use strict";
// What the page gains where scripts may run: hints at marks, charts that can be moved and enlarged.
// Nothing is fetched, and nothing is shown that the page does not hold without it.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  let marked = null;

  // A mark's own hint is taken out while ours is shown, or the browser would show it a second time.
  const forget = () => {
    if (!marked) return;
    marked.mark.classList.remove("at");
    marked.mark.prepend(marked.title);
    marked = null;
    tip.hidden = true;
  };
  const point = (mark, x, y) => {
    if (!marked || marked.mark !== mark) {
      forget();
      const title = mark.querySelector(":scope > title");
      if (!title) return;
      tip.textContent = title.textContent;
      title.remove();
      marked = { mark, title };
      mark.classList.add("at");
    }
    (mark.closest("dialog") || document.body).append(tip);
    tip.hidden = false;
    const wide = tip.offsetWidth, high = tip.offsetHeight;
    tip.style.left = Math.max(4, Math.min(x + 12, innerWidth - wide - 4)) + "px";
    tip.style.top = (y + 16 + high > innerHeight ? Math.max(4, y - high - 10) : y + 16) + "px";
  };
  const hinted = (target) => {
    for (let one = target; one && one.tagName !== "svg"; one = one.parentElement)
      if (one === (marked && marked.mark) || one.querySelector(":scope > title")) return one;
    return null;
  };

  const button = (name, told, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = name;
    made.setAttribute("aria-label", told);
    made.title = told;
    made.addEventListener("click", act);
    return made;
  };

  const enliven = (canvas) => {
    const chart = canvas.querySelector("svg.chart");
    if (!chart) return;
    const title = canvas.parentElement.querySelector("h3").textContent;
    const [left, top, wide, high] = chart.getAttribute("viewBox").split(/\s+/).map(Number);
    const name = chart.querySelector(":scope > title");
    if (name) {
      // Or the browser would show the chart's name over the hint of a mark.
      chart.setAttribute("aria-label", name.textContent);
      name.remove();
    }
    let view = [left, top, wide, high];
    const show = (x, y, width) => {
      width = Math.max(wide / 20, Math.min(wide, width));
      const height = (high * width) / wide;
      view = [
        Math.max(left, Math.min(left + wide - width, x)),
        Math.max(top, Math.min(top + high - height, y)),
        width,
        height,
      ];
      chart.setAttribute("viewBox", view.map((one) => one.toFixed(2)).join(" "));
      canvas.classList.toggle("moved", width < wide);
    };
    const reset = () => show(left, top, wide);
    const zoom = (factor, across = 0.5, down = 0.5) => {
      const width = Math.max(wide / 20, Math.min(wide, view[2] / factor));
      const height = (high * width) / wide;
      show(view[0] + (view[2] - width) * across, view[1] + (view[3] - height) * down, width);
    };
    const move = (x, y) => show(view[0] + x, view[1] + y, view[2]);

    const marks = () => [...chart.querySelectorAll("*")].filter(
      (one) => one === (marked && marked.mark) || one.querySelector(":scope > title"));
    const step = (by) => {
      const all = marks();
      if (!all.length) return;
      const at = all.indexOf(marked && marked.mark);
      const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length];
      const box = next.getBoundingClientRect();
      point(next, box.left + box.width / 2, box.top + box.height / 2);
    };
    const keys = {
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": reset,
      ArrowLeft: () => move(-view[2] / 8, 0), ArrowRight: () => move(view[2] / 8, 0),
      ArrowUp: () => move(0, -view[3] / 8), ArrowDown: () => move(0, view[3] / 8),
      ".": () => step(1), ",": () => step(-1), Escape: forget,
    };
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", title + ": plus and minus zoom, arrows move, 0 resets, full stop and comma read the marks");
    canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key];
      const whole = view[2] >= wide && event.key.startsWith("Arrow");
      if (!act || whole || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key !== "Escape") event.preventDefault();
      act();
    });
    canvas.addEventListener("blur", forget);
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = chart.getBoundingClientRect();
      zoom(event.deltaY < 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    }, { passive: false });

    let held = null;
    chart.addEventListener("pointerdown", (event) => {
      if (view[2] < wide && event.button === 0) held = [event.clientX, event.clientY];
    });
    chart.addEventListener("pointermove", (event) => {
      if (held && event.buttons) {
        chart.setPointerCapture(event.pointerId);
        const scale = view[2] / chart.getBoundingClientRect().width;
        move((held[0] - event.clientX) * scale, (held[1] - event.clientY) * scale);
        held = [event.clientX, event.clientY];
        forget();
        return;
      }
      const mark = hinted(event.target);
      if (mark) point(mark, event.clientX, event.clientY);
      else forget();
    });
    for (const end of ["pointerup", "pointercancel"]) chart.addEventListener(end, () => { held = null; });
    chart.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") forget(); });

    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append(
      button("+", "zoom in: " + title, () => zoom(1.5)),
      button("\u2212", "zoom out: " + title, () => zoom(1 / 1.5)),
      button("0", "whole chart: " + title, reset),
      button("\u2922", "enlarge: " + title, () => enlarge(canvas, title, reset)),
    );
    (canvas.parentElement.querySelector(".under") || canvas.parentElement).append(tools);
  };

  const enlarge = (canvas, title, reset) => {
    const place = document.createComment("");
    const dialog = document.createElement("dialog");
    dialog.className = "large";
    dialog.setAttribute("aria-label", title);
    canvas.before(place);
    dialog.append(button("close", "close: " + title, () => dialog.close()), canvas);
    dialog.addEventListener("close", () => {
      forget();
      document.body.append(tip);
      place.replaceWith(canvas);
      dialog.remove();
      reset();
      canvas.focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
    canvas.focus();
  };

  const canvases = document.querySelectorAll(".canvas");
  canvases.forEach(enliven);
  document.addEventListener("scroll", forget, { passive: true });
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".chart")) forget(); });
  if (canvases.length) {
    const told = document.createElement("p");
    told.className = "keys";
    told.textContent = "Charts: point at a mark to read it. The buttons below a chart zoom and enlarge it; Ctrl and wheel zoom as well, and dragging moves. By keyboard, on a chart: + \u2212 0, arrows, full stop and comma.";
    document.querySelector("nav").after(told);
  }
})();
