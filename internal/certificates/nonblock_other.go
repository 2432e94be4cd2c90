//go:build !unix

package certificates

const nonblock = 0
