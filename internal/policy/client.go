package policy

import "github.com/shoal-tracker/shoal"

// deniedClients are prefixes of peer IDs, grouped by their first byte. Nearly
// every client begins with "-", but a list of one client costs the others no
// more than one comparison of its prefix.
type deniedClients [256][]string

// compileDeniedClients returns nil where there is nothing to deny. An empty
// prefix, which Validate does not let through, would deny everyone; it is left
// out.
func compileDeniedClients(prefixes []string) *deniedClients {
	var d *deniedClients
	for _, prefix := range prefixes {
		if prefix == "" {
			continue
		}
		if d == nil {
			d = new(deniedClients)
		}
		d[prefix[0]] = append(d[prefix[0]], prefix)
	}
	return d
}

func (d *deniedClients) match(id *shoal.PeerID) bool {
	for _, prefix := range d[id[0]] {
		if len(prefix) <= len(id) && string(id[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
