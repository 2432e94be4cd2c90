package certificates

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// pair is a certificate and its key in two files.
type pair struct {
	cert, key string
	served    *tls.Certificate
	seen      [2]stamp
	complaint string // why the files as they are were not taken; empty: they were
	exposed   exposure
}

func openPair(cert, key string) (*pair, error) {
	p := &pair{cert: cert, key: key, seen: [2]stamp{stampOf(cert), stampOf(key)}}
	var err error
	p.served, err = loadPair(cert, key)
	return p, err
}

// look takes the files if they have changed and belong together. A tool that
// renews writes one file after the other: in between they do not, so as long
// as there is something to complain about they are tried each time, and the
// same complaint is made once. That goes also for a pair that does not hold
// now, while the one that is served does.
func (p *pair) look(now time.Time, asked bool) (changed bool, err error) {
	before := p.seen
	p.seen = [2]stamp{stampOf(p.cert), stampOf(p.key)}
	if !asked && p.complaint == "" && p.seen[0].same(before[0]) && p.seen[1].same(before[1]) {
		return false, nil
	}
	cert, err := loadPair(p.cert, p.key)
	if err == nil && holds(p.served, now) && !holds(cert, now) {
		err = fmt.Errorf("certificate %s holds from %s to %s, and not now as the old one does", p.cert,
			cert.Leaf.NotBefore.UTC().Format(time.RFC3339), cert.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if err != nil {
		if !asked && err.Error() == p.complaint {
			return false, nil
		}
		p.complaint = err.Error()
		return false, err
	}
	p.complaint = ""
	if slices.EqualFunc(cert.Certificate, p.served.Certificate, bytes.Equal) {
		return false, nil
	}
	p.served = cert
	return true, nil
}

func holds(cert *tls.Certificate, now time.Time) bool {
	return !now.Before(cert.Leaf.NotBefore) && !now.After(cert.Leaf.NotAfter)
}

func loadPair(certFile, keyFile string) (*tls.Certificate, error) {
	certText, err := readPEM("certificate", certFile, func(kind string) bool { return kind == "CERTIFICATE" })
	if err != nil {
		return nil, err
	}
	keyText, err := readPEM("private key", keyFile, func(kind string) bool { return strings.HasSuffix(kind, "PRIVATE KEY") })
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with private key %s: %w", certFile, keyFile, err)
	}
	return &cert, nil
}

// readPEM reads a file that must have a block of the right kind, because what
// crypto/tls says of one that does not leaves open which file it means.
func readPEM(what, path string, right func(kind string) bool) ([]byte, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	var kinds []string
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if kind := block.Type; right(kind) {
			if strings.Contains(kind, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
				return nil, fmt.Errorf("the %s in %s is encrypted: Shoal has nobody to ask for the passphrase", what, path)
			}
			return text, nil
		}
		kinds = append(kinds, block.Type)
	}
	err = errors.New("there is no PEM block in it")
	if len(kinds) > 0 {
		err = fmt.Errorf("in it is %s", strings.Join(kinds, ", "))
	}
	return nil, fmt.Errorf("%s is not the PEM file of a %s: %w", path, what, err)
}
