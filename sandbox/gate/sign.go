package gate

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
)

// The headers of the two signatures that are known nearby. OUR CHOICE: both are
// sent, so that a shop may check either or none.
const (
	hmacHeader = "X-Webhook-Signature" // as Appla-X's SDK has it
	rsaHeader  = "X-Signature"         // as CHIP has it
)

// keyFile is the sandbox's own RSA key. It is published and guards nothing.
//
//go:embed keys/demo.pem
var keyFile []byte

// demoKey reads the key, once in a program.
var demoKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(keyFile)
	if block == nil {
		return nil, errors.New("gate: the demo key is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("gate: the demo key: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("gate: the demo key is not for RSA")
	}
	return key, nil
})

// DemoPublicKey is the public half of the key that callbacks are signed with,
// in PEM, for a shop that checks X-Signature.
func DemoPublicKey() (string, error) {
	key, err := demoKey()
	if err != nil {
		return "", err
	}
	return publicPEM(key), nil
}

func publicPEM(key *rsa.PrivateKey) string {
	der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey) // an RSA key always can be
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// SignHMAC returns the lower-case hex HMAC-SHA256 of a callback's body.
func SignHMAC(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// SignRSA returns the base64 RSA PKCS #1 v1.5 signature with SHA-256 of a
// callback's body. The same body always has the same one.
func SignRSA(key *rsa.PrivateKey, body []byte) string {
	hash := sha256.Sum256(body)
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	if err != nil { // a key of this size takes any hash
		return ""
	}
	return base64.StdEncoding.EncodeToString(sig)
}
