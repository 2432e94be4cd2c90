package client

import (
	"crypto/tls"
	"net/http"
	"time"
)

// Options are about how a tracker is asked. The zero Options asks as Announce and
// Scrape do.
type Options struct {
	// AnyCertificate takes whatever certificate the tracker shows. It is for who
	// asks a tracker of his own by its address, which no certificate names: on
	// the way from elsewhere anyone could answer.
	AnyCertificate bool

	// Direct passes over the proxies that the environment names.
	Direct bool

	// Resend is how long a UDP request is waited for before it is sent again,
	// and then for twice as long each time. 0: 15 seconds, as BEP 15 has it.
	Resend time.Duration
}

// httpClient returns who asks by o. What it opened is gone with the answer,
// because no connection is kept.
func (o Options) httpClient() *http.Client {
	if !o.AnyCertificate && !o.Direct {
		return httpClient
	}
	transport := newTransport()
	if o.AnyCertificate {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	if o.Direct {
		transport.Proxy = nil
	}
	return &http.Client{Transport: transport}
}

func (o Options) wait() time.Duration {
	if o.Resend > 0 {
		return o.Resend
	}
	return firstWait
}
