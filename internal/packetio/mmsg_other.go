//go:build !linux || !(amd64 || arm64)

package packetio

import (
	"errors"
	"net/netip"
)

var errNoMmsg = errors.New("it needs Linux on amd64 or arm64")

type vectors struct{}

func (*vectors) point(*Batch) {}

func mmsgWorks() error { return errNoMmsg }

func listenMmsg(netip.AddrPort, int, Config) ([]*Socket, error) { return nil, errNoMmsg }
