"use strict";
const button = document.querySelector("button[data-passkey]");
const fault = document.getElementById("passkey-fault");

// What a passkey is asked for: what the page brings along, or what is to be had at an address for as long as it is good.
const asked = async () => {
  const given = button.dataset.passkey;
  if (given.startsWith("{")) return JSON.parse(given);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(given, { method: "POST", headers, body: "{}" });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
};

if (window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON) {
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    fault.hidden = true;
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await asked());
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
