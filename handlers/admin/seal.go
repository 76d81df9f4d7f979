package admin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// errSeal is returned for what this shop has not sealed, or not for this purpose.
var errSeal = errors.New("admin: the seal is not ours")

// Seal closes what must not be read where it is kept: second factors in the
// database, and forms in a page that anybody may have saved.
type Seal struct {
	gcm cipher.AEAD
	mac []byte
}

// NewSeal returns the seal made of a key of 32 bytes. The same key opens it in
// every process.
func NewSeal(key []byte) (*Seal, error) {
	secret, err := hkdf.Expand(sha256.New, key, "till staff seal", 32)
	if err != nil {
		return nil, fmt.Errorf("admin: seal: %w", err)
	}
	mac, err := hkdf.Expand(sha256.New, key, "till staff digest", 32)
	if err != nil {
		return nil, fmt.Errorf("admin: seal: %w", err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("admin: seal: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("admin: seal: %w", err)
	}
	return &Seal{gcm, mac}, nil
}

// close seals a text for a purpose.
func (s *Seal) close(purpose string, text []byte) []byte {
	return s.gcm.Seal(nil, nil, text, []byte(purpose)) //nolint:gosec // it makes a nonce itself
}

// open is what was sealed for a purpose, or errSeal.
func (s *Seal) open(purpose string, sealed []byte) ([]byte, error) {
	text, err := s.gcm.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return nil, errSeal
	}
	return text, nil
}

// digest is what the database sees of a word that is short enough to be guessed
// by whoever has a copy of it: without the key nobody can tell a right guess.
func (s *Seal) digest(purpose, word string) string {
	h := hmac.New(sha256.New, s.mac)
	_, _ = fmt.Fprintf(h, "%s\x00%s", purpose, word) // a hash cannot fail
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// code is a random code that people copy by hand: three times four letters and
// figures of which none looks like another.
func code() string {
	text := rand.Text()
	return text[:4] + "-" + text[4:8] + "-" + text[8:12]
}
