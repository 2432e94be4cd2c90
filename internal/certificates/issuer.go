package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// issuer gets certificates by ACME (RFC 8555). certmagic has one, which opens
// listeners of its own for the challenges; these are answered on the tracker's.
type issuer struct {
	directory string
	email     string
	key       string // names the authority in the storage
	storage   certmagic.Storage
	client    *acmez.Client
	transport *http.Transport
	log       *slog.Logger

	registering sync.Mutex
}

var (
	_ certmagic.Issuer            = (*issuer)(nil)
	_ certmagic.RenewalInfoGetter = (*issuer)(nil)
)

func newIssuer(c Config, storage certmagic.Storage, log *slog.Logger) (*issuer, error) {
	var roots *x509.CertPool // nil: the system's
	if c.Roots != "" {
		text, err := readSmall(c.Roots)
		if err != nil {
			return nil, fmt.Errorf("read the roots of the ACME directory: %w", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("roots of the ACME directory: %s has no certificate in PEM", c.Roots)
		}
	}
	const patience = 30 * time.Second
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: patience}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout:   patience,
		ResponseHeaderTimeout: patience,
		IdleConnTimeout:       patience,
		ForceAttemptHTTP2:     true,
	}
	i := &issuer{
		directory: c.Directory,
		email:     c.Email,
		key:       (&certmagic.ACMEIssuer{CA: c.Directory}).IssuerKey(),
		storage:   storage,
		transport: transport,
		log:       log,
	}
	answer := &solver{storage: storage, key: i.key}
	i.client = &acmez.Client{
		Client: &acme.Client{
			Directory:  c.Directory,
			HTTPClient: &http.Client{Transport: transport, Timeout: patience},
			UserAgent:  "Shoal",
			Logger:     slog.New(lowered{log.Handler()}),
		},
		ChallengeSolvers: map[string]acmez.Solver{
			acme.ChallengeTypeHTTP01:    answer,
			acme.ChallengeTypeTLSALPN01: answer,
		},
	}
	return i, nil
}

// close lets go of connections to the authority.
func (i *issuer) close() { i.transport.CloseIdleConnections() }

// IssuerKey names the authority in the storage.
func (i *issuer) IssuerKey() string { return i.key }

// Issue has a certificate issued.
func (i *issuer) Issue(ctx context.Context, request *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	i.log.Info("asking for a certificate", "names", request.DNSNames, "directory", i.directory)
	chains, err := i.order(ctx, request)
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAccountDoesNotExist {
		// The authority has begun anew, as those of one's own do.
		if err := i.forget(ctx); err != nil {
			return nil, err
		}
		chains, err = i.order(ctx, request)
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", i.directory, err)
	}
	if len(chains) == 0 {
		return nil, fmt.Errorf("%s issued a certificate without a chain", i.directory)
	}
	// The first chain is the one that the authority recommends.
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: chains[0]}, nil
}

func (i *issuer) order(ctx context.Context, request *x509.CertificateRequest) ([]acme.Certificate, error) {
	account, err := i.account(ctx)
	if err != nil {
		return nil, err
	}
	parameters, err := acmez.OrderParametersFromCSR(account, request)
	if err != nil {
		return nil, fmt.Errorf("make the order: %w", err)
	}
	return i.client.ObtainCertificate(ctx, parameters)
}

// GetRenewalInfo asks when the authority would have a certificate renewed
// (RFC 9773).
func (i *issuer) GetRenewalInfo(ctx context.Context, cert certmagic.Certificate) (acme.RenewalInfo, error) {
	return i.client.GetRenewalInfo(ctx, cert.Leaf)
}
