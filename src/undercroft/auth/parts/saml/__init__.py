"""SAML 2.0, as a service provider speaks it: documents, metadata, requests, responses, and what attributes mean.

Protocol: OASIS saml-core-2.0, saml-bindings-2.0, saml-profiles-2.0, saml-metadata-2.0. XML signatures are made and
verified by signxml, an extra that is imported when it is needed.
"""
