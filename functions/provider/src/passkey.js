"use strict";
const button = document.querySelector("button[data-passkey]");
const fault = document.getElementById("passkey-fault");
if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    fault.hidden = true;
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(button.dataset.passkey));
      const credential = await navigator.credentials.get({ publicKey });
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "passkey";
      field.value = JSON.stringify(credential.toJSON());
      button.form.append(field);
      button.form.requestSubmit(button);
    } catch {
      fault.hidden = false;
      button.focus();
    }
  });
}
