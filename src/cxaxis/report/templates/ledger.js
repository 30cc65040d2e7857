(() => {
  const form = document.getElementById("filter");
  const claims = [...document.querySelectorAll(".claim")];
  const groups = [...document.querySelectorAll(".group")];
  const keys = ["verdict", "section", "kind", "scale"];
  const told = form.querySelector("output");
  const text = new Map(claims.map((claim) => [claim, claim.textContent.toLowerCase()]));
  const apply = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const claim of claims) {
      const fits =
        keys.every((key) => ["", claim.dataset[key]].includes(form.elements[key].value)) &&
        words.every((word) => text.get(claim).includes(word));
      claim.hidden = !fits;
      shown += fits;
    }
    for (const group of groups) group.hidden = !group.querySelector(".claim:not([hidden])");
    told.textContent = `${shown} of ${claims.length} claims shown`;
  };
  // A link to a claim must not lead to a hidden one.
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || !target.closest("[hidden]")) return;
    form.reset();
    apply();
    target.scrollIntoView();
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
})();
