package bango

// NewTransport is for tests that must trust a certificate of their own.
var NewTransport = newTransport
