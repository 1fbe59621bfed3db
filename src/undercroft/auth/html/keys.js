// Passkeys and security keys: the one thing on these pages that takes a script. It fills a form, and sends it.
"use strict";

for (const form of document.querySelectorAll("form[data-key]")) {
  const said = form.querySelector("[data-said]");
  let isAsking = false;

  const ask = async () => {
    const options = JSON.parse(form.dataset.options);
    if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) throw new Error("too old");
    const made =
      form.dataset.key === "create"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.namedItem("credential").value = JSON.stringify(made.toJSON());
    form.submit();
  };

  const begin = () => {
    if (isAsking) return;
    isAsking = true;
    said.textContent = "Your browser asks you now.";
    ask().catch((error) => {
      isAsking = false;
      said.textContent =
        error.message === "too old"
          ? "This browser is too old for keys."
          : "Nothing was chosen, or it took too long. You can try again.";
    });
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  begin();
}
