"""Where mails go: to servers by SMTP, to the terminal, into memory, or nowhere but the page that shows them."""
