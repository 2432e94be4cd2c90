package config

import (
	"github.com/shoal-tracker/shoal/internal/api"
	"github.com/shoal-tracker/shoal/internal/certificates"
)

// API is the [api] section: the management API and its certificates.
type API struct {
	api.Config

	// HTTPS. With cert and key, or with acme, the management API takes TLS and
	// nothing else.
	TLS certificates.Config `toml:"tls" without:"plain"`
}

// defaultAPI returns the defaults.
func defaultAPI() API {
	return API{Config: api.DefaultConfig(), TLS: certificates.DefaultConfig()}
}

// Validate reports every value that is out of range.
func (a *API) Validate(report func(key string, value any, allowed string)) {
	a.Config.Validate(report)
	a.TLS.Validate(func(key string, value any, allowed string) { report("tls."+key, value, allowed) })
}
