// Sort by a column's button, numbers before what is missing; show only rows that hold a text.
(() => {
  const table = document.getElementById("models"), body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const filter = document.getElementById("filter");
  const value = (row, k) => row.cells[k].dataset.v;
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return isNaN(a) || isNaN(b) ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
  };
  heads.forEach((head, k) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a, k), value(b, k)];
      return compare(x, y) * (down && x !== "" && y !== "" ? -1 : 1);
    });
    body.append(...rows);
  }));
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    document.getElementById("count").textContent = `${[...body.rows].filter((row) => !row.hidden).length} shown`;
  });
})();
