//go:build amd64 || arm64

package streamio

// prompt has connections accepted that have not sent anything: otherwise the
// kernel keeps them for some seconds.
func prompt(l *Loops) {
	if e, ok := l.engine.(*epoll); ok {
		e.deferring = 0
	}
}
