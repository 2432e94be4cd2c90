package app

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shoal-tracker/shoal/internal/config"
)

// APIPlace is where the management API of a configured tracker is asked, from its
// own machine.
type APIPlace struct {
	URL string

	// ServerName is the name that the certificate has. Empty: the host of URL.
	ServerName string

	// Roots believe the certificate. nil: those of the system do.
	Roots *x509.CertPool
}

// APIAccess returns where the tracker that cfg describes has its management API.
// The address is asked itself, whatever the names of the certificate lead to.
func APIAccess(cfg *config.Config) (APIPlace, error) {
	if len(cfg.API.Listen) == 0 {
		return APIPlace{}, errors.New(`api.listen is "": the tracker of this configuration has no management API`)
	}
	addr := reached(cfg.API.Listen[0])
	if addr.Port() == 0 {
		return APIPlace{}, errors.New("api.listen has port 0: only the log of the tracker knows which one it took")
	}
	if !cfg.API.TLS.Enabled() {
		return APIPlace{URL: "http://" + addr.String()}, nil
	}
	place := APIPlace{URL: "https://" + addr.String()}
	if cfg.API.TLS.Cert == "" {
		place.ServerName = cfg.API.TLS.ACME[0]
		return place, nil
	}
	leaf, roots, err := readCertificate(cfg.API.TLS.Cert)
	if err != nil {
		return APIPlace{}, fmt.Errorf("api.tls.cert: %w", err)
	}
	// Who may read the configuration knows the certificate better than any
	// authority does, and it may well be signed by none.
	place.Roots = roots
	switch ip := leaf.VerifyHostname(addr.Addr().String()); {
	case ip == nil:
	case len(leaf.DNSNames) > 0:
		place.ServerName = leaf.DNSNames[0]
		if wild := place.ServerName; len(wild) > 2 && wild[:2] == "*." {
			place.ServerName = "shoal" + wild[1:] // any name does
		}
	case len(leaf.IPAddresses) > 0:
		place.ServerName = leaf.IPAddresses[0].String()
	}
	return place, nil
}

// reached returns where a listener is reached that listens on addr.
func reached(addr netip.AddrPort) netip.AddrPort {
	switch addr.Addr().Unmap() {
	case netip.IPv4Unspecified():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	case netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
	}
	return addr
}

func readCertificate(name string) (leaf *x509.Certificate, roots *x509.CertPool, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read the certificate: %w", err)
	}
	roots = x509.NewCertPool()
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("read the certificate: %s: %w", name, err)
		}
		roots.AddCert(c)
		leaf = cmp.Or(leaf, c)
	}
	if leaf == nil {
		return nil, nil, fmt.Errorf("read the certificate: %s has none", name)
	}
	return leaf, roots, nil
}

// APIToken returns the token that the tracker of cfg lets everything be done with,
// and where it comes from: the first of [api] tokens by their labels, or the one
// that the tracker has drawn.
func APIToken(cfg *config.Config) (token, source string, err error) {
	for _, label := range slices.Sorted(maps.Keys(cfg.API.Tokens)) {
		if t := cfg.API.Tokens[label]; t.Scope != "read" {
			return t.Token, "api.tokens." + label, nil
		}
	}
	if len(cfg.API.Tokens) > 0 {
		return "", "", errors.New("api.tokens has none of scope admin")
	}
	source = filepath.Join(cfg.DataDir, "api-token")
	token, err = ReadToken(source)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no token of the management API: api.tokens has none, and %s, which a tracker writes at its start, is not there (is this the directory that it runs in?)", source)
	}
	return token, source, err
}

// ReadToken reads a token from a file that has it in one line.
func ReadToken(name string) (string, error) {
	const most = 4 << 10 // bytes: what is longer is another file
	file, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > most || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("read the token: %s must have one line of visible ASCII", name) // what it has is not shown
	}
	return token, nil
}
