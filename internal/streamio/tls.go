package streamio

import "crypto/tls"

// TLS is what the connections of a listener have in common that begin with a
// TLS record.
type TLS struct {
	// Config is what crypto/tls is told: certificates, versions, key exchanges,
	// session tickets. Its callbacks run while one of the few places at the
	// processors is held, so they must not wait for the network.
	Config *tls.Config

	// Handshakes bounds the handshakes in flight of all listeners that share
	// it. It must be set.
	Handshakes *Handshakes
}
