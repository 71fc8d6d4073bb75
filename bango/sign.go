package bango

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseSigningKey reads the RSA private key of message signing from PEM, PKCS #1 or PKCS #8. Bango is given its public half.
// src: platform/connectivity/signing-http-messages, which names 1024 bits
func ParseSigningKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the signing key is not PEM: a block from -----BEGIN … to -----END …")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the signing key is encrypted; decrypt it first")
		}
		key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the signing key cannot be read: %w", err)
		}
		return checkSigningKey(key)
	case "PRIVATE KEY":
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("the signing key cannot be read: %w", err)
		}
		key, isRSA := parsed.(*rsa.PrivateKey)
		if !isRSA {
			return nil, errors.New("the signing key is not an RSA key")
		}
		return checkSigningKey(key)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the signing key is encrypted; decrypt it first")
	}
	return nil, fmt.Errorf("the signing key is a PEM block %.40q; expected is PRIVATE KEY or RSA PRIVATE KEY", block.Type)
}

func checkSigningKey(key *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	if bits := key.N.BitLen(); bits < 1024 {
		return nil, fmt.Errorf("the signing key has %d bits; expected are 1024 or more", bits)
	}
	return key, nil
}

// sign puts the headers of message signing on a request: Created, and a Signature over it and the body. A body of ours has no line end
// or tab: encoding/json writes none. The padding is inferred from the form of the key. src: platform/connectivity/signing-http-messages
func (c *Client) sign(header http.Header, body string) error {
	created := strconv.FormatInt(time.Now().Unix(), 10)
	hash := sha256.Sum256([]byte(strings.NewReplacer("{created}", created, "{body}", body).Replace(c.wire.Signature)))
	signature, err := rsa.SignPKCS1v15(nil, c.signingKey, crypto.SHA256, hash[:])
	if err != nil {
		return err
	}
	header.Set("Created", created)
	// The space after each comma is required.
	header.Set("Signature", "keyId=RSA-SHA256V1, headers=Created, signature="+base64.StdEncoding.EncodeToString(signature))
	return nil
}
