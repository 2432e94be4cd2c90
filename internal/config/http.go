package config

import (
	"github.com/shoal-tracker/shoal/internal/certificates"
	"github.com/shoal-tracker/shoal/internal/httpserver"
)

// HTTP is one [[http]] section: an HTTP tracker and its certificates.
type HTTP struct {
	httpserver.Config

	// HTTPS. With cert and key, or with acme, the listeners of the section take
	// TLS and plain HTTP on one port.
	TLS certificates.Config `toml:"tls"`
}

// defaultHTTP returns the defaults.
func defaultHTTP() HTTP {
	return HTTP{Config: httpserver.DefaultConfig(), TLS: certificates.DefaultConfig()}
}

// Validate reports every value that is out of range.
func (h *HTTP) Validate(report func(key string, value any, allowed string)) {
	h.Config.Validate(report)
	h.TLS.Validate(func(key string, value any, allowed string) { report("tls."+key, value, allowed) })
}
