"""The edges of Samspill: command line, HTTP and web pages."""
