package handlers

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func TestAPortalProvesWhichItIs(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as("")
	key := bytes.Repeat([]byte{9}, 32)
	for _, nonce := range []string{"one", "two", strings.Repeat("x", maxNonce)} {
		got := b.get("/healthz?nonce="+nonce).must(t, http.StatusOK)
		if proof := got.Header.Get(InstanceHeader); proof != Proof(key, nonce) || proof == Proof([]byte("another"), nonce) || proof == Proof(key, nonce+"'") {
			t.Errorf("to %q it answers %q", nonce, proof)
		}
	}
	for _, address := range []string{"/healthz", "/healthz?nonce=", "/healthz?nonce=" + strings.Repeat("x", maxNonce+1)} {
		if got := b.get(address).must(t, http.StatusOK); got.Header.Get(InstanceHeader) != "" {
			t.Errorf("%s is answered with a proof", address)
		}
	}
}
