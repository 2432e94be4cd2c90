//go:build !unix

package app

// descriptors returns how many sockets this process may have.
func descriptors() uint64 { return 16384 }
