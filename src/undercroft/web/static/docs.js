// Shows the API's own description. It is read as whoever has signed in under "Authorize": each role sees what it may use.
"use strict";

const description = new URL("rest/v1/", document.baseURI).href;
const signedIn = {};

function headersOf(given) {
  const headers = {};
  if (given.apikey) headers.apikey = given.apikey;
  if (given.bearer) headers.Authorization = `Bearer ${given.bearer}`;
  return headers;
}

// The description is read again when somebody has signed in or out and closes that dialogue.
const readAgain = () => {
  let changed = false;
  return {
    statePlugins: {
      auth: {
        wrapActions: {
          authorize: (authorize) => (payload) => {
            for (const [name, given] of Object.entries(payload)) signedIn[name] = given.value;
            changed = true;
            return authorize(payload);
          },
          logout: (logout) => (names) => {
            for (const name of names) delete signedIn[name];
            changed = true;
            return logout(names);
          },
          showDefinitions: (showDefinitions, system) => (shown) => {
            const done = showDefinitions(shown);
            if (!shown && changed) {
              changed = false;
              system.specActions.download(description);
            }
            return done;
          },
        },
      },
    },
  };
};

// A server that lets nobody in without a key does not describe itself either, and then there is no "Authorize" yet.
function askForKey() {
  const form = document.getElementById("key");
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signedIn.apikey = new FormData(form).get("apikey");
    form.hidden = true;
    show();
  }, { once: true });
}

function show() {
  const ui = SwaggerUIBundle({
    url: description,
    dom_id: "#docs",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "none",
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [readAgain],
    requestInterceptor: (request) => {
      if (request.loadSpec) Object.assign(request.headers, headersOf(signedIn));
      return request;
    },
    responseInterceptor: (response) => {
      if (response.url === description && response.status === 401) askForKey();
      return response;
    },
    onComplete: () => {
      if (signedIn.apikey) ui.preauthorizeApiKey("apikey", signedIn.apikey);
    },
  });
}

show();
