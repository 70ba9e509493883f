(function () {
  "use strict";
  function reveal() {
    var here = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!here) return;
    for (var e = here; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") e.open = true;
      if (e.classList.contains("item")) e.hidden = false;
    }
    here.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  var bar = document.getElementById("filter");
  if (!bar) return;
  var kind = document.getElementById("filter-kind");
  var text = document.getElementById("filter-text");
  var said = document.getElementById("filter-said");
  var items = Array.prototype.slice.call(document.querySelectorAll(".item"));
  function filter() {
    var wanted = text.value.toLowerCase(), shown = 0;
    items.forEach(function (item) {
      var fits = !kind.value || item.dataset.kind === kind.value ||
        (kind.value === "failed" && "failed" in item.dataset);
      fits = fits && (!wanted || item.textContent.toLowerCase().indexOf(wanted) >= 0);
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    said.textContent = shown + " of " + items.length;
  }
  bar.hidden = false;
  bar.addEventListener("input", filter);
})();
