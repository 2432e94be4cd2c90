package api

import (
	"net/netip"
	"net/url"
)

// healthReport is the answer, in Torrust's shape.
type healthReport struct {
	Status  string         `json:"status"`
	Message string         `json:"message"`
	Details []healthDetail `json:"details"`
}

// Values of healthReport.Status, and the message that goes with ill.
const (
	healthWell = "Ok"
	healthIll  = "Error"
	healthNone = "None" // there is nothing that could be ill

	healthFailed = "health check failed"
)

// healthDetail is what is known of one part. Parts that are no listeners have
// empty bindings.
type healthDetail struct {
	ServiceBinding string       `json:"service_binding"` // a URL
	Binding        string       `json:"binding"`         // IP:PORT, as it is bound
	ServiceType    string       `json:"service_type"`
	Info           string       `json:"info"`
	Result         healthResult `json:"result"`

	// Of certificates, which Torrust does not report on.
	Names    []string `json:"names,omitempty"`
	DaysLeft *int     `json:"days_left,omitempty"` // whole days; below 0: it has expired
}

// healthResult has one of its fields.
type healthResult struct {
	Ok  *string `json:"Ok,omitempty"`
	Err *string `json:"Err,omitempty"`
}

// Types of parts that are no services.
const (
	typeDatabase    = "database"
	typeCertificate = "certificate"
)

// reportOf judges by the details.
func reportOf(details []healthDetail) *healthReport {
	r := &healthReport{Status: healthWell, Details: details}
	if len(details) == 0 {
		r.Status, r.Details = healthNone, []healthDetail{}
	}
	for i := range details {
		if details[i].Result.Err != nil {
			r.Status, r.Message = healthIll, healthFailed
		}
	}
	return r
}

// url returns where the service is asked for by its clients.
func (s Service) url(binding netip.AddrPort, path string) string {
	scheme := map[string]string{ServiceUDP: "udp", ServiceWebTorrent: "ws"}[s.Type]
	if scheme == "" {
		scheme = "http"
	}
	if s.TLS && s.Type != ServiceUDP {
		scheme += "s"
	}
	// Through url.URL, because the zone of an address is escaped.
	return (&url.URL{Scheme: scheme, Host: binding.String(), Path: path}).String()
}

// detail returns what is known of the service before it is asked.
func (s Service) detail() healthDetail {
	path := "/"
	if s.Type == ServiceUDP {
		path = ""
	}
	d := healthDetail{ServiceBinding: s.url(s.Binding, path), Binding: s.Binding.String(), ServiceType: s.Type}
	switch s.Type {
	case ServiceUDP:
		d.Info = "checking the udp tracker by connect and scrape at: " + d.Binding
	case ServiceWebTorrent:
		d.Info = "checking the webtorrent tracker by upgrade and scrape at: " + d.ServiceBinding
	case ServiceAPI:
		d.Info = "checking the api by its health check at: " + s.url(s.Binding, apiHealthPath)
	default:
		d.Info = "checking the http tracker by scrape at: " + s.url(s.Binding, "/scrape")
	}
	return d
}
