"""What the scripts for Python share: what they say, and a browser that knows forms and cookies."""

import html.parser
import json
import urllib.parse

import requests


def step(name, **seen):
    """Says that a step was taken and all was as it should be."""
    print(json.dumps({"step": name, **seen}), flush=True)


class Form(html.parser.HTMLParser):
    """The fields of a page's form that are hidden, and where it goes."""

    def __init__(self, page):
        super().__init__()
        self.action, self.hidden = None, {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes["action"]
        if tag == "input" and attributes["type"] == "hidden":
            self.hidden[attributes["name"]] = attributes["value"]


class Browser:
    """A browser without scripts that follows nobody to another host."""

    def __init__(self, home):
        self.home, self.session = home, requests.Session()

    def visit(self, url, form=None):
        """The text of a page, or where the browser is sent that is not here."""
        response = self.session.request("GET" if form is None else "POST", url, data=form, allow_redirects=False)
        if response.is_redirect:
            to = urllib.parse.urljoin(url, response.headers["location"])
            return self.visit(to) if to.startswith(self.home) else (None, to)
        return response.text, None

    def submit(self, page, step, **fields):
        form = Form(page)
        url = urllib.parse.urljoin(self.home, form.action)
        return self.visit(url, {**form.hidden, **fields, "step": step})

    def log_in(self, url, person):
        """Logs somebody in to a client that sends people to a URL, and answers where it leads."""
        page, sent = self.visit(url)
        if page and 'value="login"' in page:
            page, sent = self.submit(page, "login", email=person["email"], password=person["password"])
        if page and 'value="allow"' in page:
            page, sent = self.submit(page, "allow")
        assert sent is not None, page
        return sent
