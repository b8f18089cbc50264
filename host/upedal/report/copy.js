for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", async () => {
  const block = document.getElementById(button.dataset.copy), said = button.nextElementSibling;
  try {
    await navigator.clipboard.writeText(block.textContent);
    said.textContent = "Copied.";
  } catch { // not allowed here: mark it, so that one key copies it
    getSelection().selectAllChildren(block);
    said.textContent = "Marked: copy it with Ctrl-C.";
  }
});
