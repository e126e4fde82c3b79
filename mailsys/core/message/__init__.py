"""Messages as bytes: addresses, headers, MIME offsets, IMAP's views, composition."""
