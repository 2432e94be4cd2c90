//go:build !linux

package packetio

// hasPktinfo: on a wildcard address the kernel picks where replies leave from.
const hasPktinfo = false

func askPktinfo(int, bool) error { return nil }

func replyControl([]byte) []byte { return nil }
