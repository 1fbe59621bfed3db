"""The text twin of an HTML mail reads like one that somebody wrote."""

from __future__ import annotations

import pytest

from undercroft.mail.parts.texts import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo\n"),
        ("<h1>Title</h1>words<br>more", "Title\n\nwords\nmore\n"),
        ("<p>a  lot\n of\t space </p>", "a lot of space\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("a&nbsp;b &amp; &lt;c&gt; &#8364;", "a\xa0b & <c> €\n"),
        ("", "\n"),
        ('See <a href="https://x.com/a?b=1&amp;c=2">the page</a>.', "See the page (https://x.com/a?b=1&c=2).\n"),
        ('<a href="https://x.com">https://x.com</a>', "https://x.com\n"),
        ('<a href="mailto:a@x.com">a@x.com</a>', "a@x.com\n"),
        ('<a href="https://x.com"><img alt="Logo" src="x"></a>', "Logo (https://x.com)\n"),
        ('<a href="https://x.com"><img src="x"></a>', "https://x.com\n"),
        ('<a href="#top">up</a> <a>no</a>', "up no\n"),
        ("<ul><li>one</li><li>two</li></ul>after", "- one\n- two\n\nafter\n"),
        ("<ul><li>one<li>two</ul>", "- one\n- two\n"),
        ('<ol start="3"><li>c</li><li>d</li></ol>', "3. c\n4. d\n"),
        ("<ul><li>a<ol><li>x<br>y</li></ol></li><li>b</li></ul>", "- a\n  1. x\n     y\n- b\n"),
        ("<ul><li><p>one</p><p>more</p></li></ul>", "- one\n  more\n"),
        ("<table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea</td><td>3</td></tr></table>", "Item  Price\nTea  3\n"),
        ("<blockquote><p>q1</p><p>q2</p></blockquote><p>end</p>", "> q1\n>\n> q2\n\nend\n"),
        ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc\n"),
        ("a<hr>b", f"a\n\n{'-' * 40}\n\nb\n"),
        ("<head><title>T</title><style>p{}</style></head><body>x<script>1</script></body>", "x\n"),
        ('<div style="display: none">preview</div><p>x</p>', "x\n"),
        ("<p hidden>gone <b>too</b></p>x", "x\n"),
        ('<img hidden src="x">seen', "seen\n"),
        ("a&shy;b&zwnj;c\u200b", "abc\n"),
        ("<p>a</p><!-- [if mso]>x<![endif] --><p>b</p>", "a\n\nb\n"),
        ("</ul></li></blockquote></pre></a></table>x", "x\n"),
        ("<li>stray</li>", "- stray\n"),
    ],
)
def test_the_words_of_a_document(html: str, text: str) -> None:
    assert text_of(html) == text


def test_a_document_without_an_end_is_read_to_where_it_goes() -> None:
    assert text_of("<ul><li>" * 200 + "deep") == "  " * 199 + "- deep\n"
