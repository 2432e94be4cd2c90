package app

import (
	"github.com/shoal-tracker/shoal/internal/metrics"
	"github.com/shoal-tracker/shoal/internal/udpserver"
)

// udpFamilies are the figures of the UDP trackers, by listener.
func udpFamilies(counts []udpserver.Counts) []metrics.Family {
	var received, answered, sent, errors, unverified, discarded, aborted []metrics.Sample
	var average, averaged, bytesIn, bytesOut, reasons []metrics.Sample
	for i := range counts {
		c := &counts[i]
		at, from := binding("udp", c.Addr), client(c.Addr.Addr().Unmap().Is4())
		add := func(to *[]metrics.Sample, value uint64, more ...metrics.Label) {
			*to = append(*to, sample(value, at, from, more))
		}
		add(&received, c.Received)
		add(&errors, c.Errors)
		add(&unverified, c.Unverified)
		add(&discarded, unanswered(c))
		add(&aborted, c.Dropped)
		add(&bytesIn, c.ReceivedBytes)
		add(&bytesOut, c.ReplyBytes)
		var timing udpTiming
		timing.add(c)
		for _, of := range []struct {
			kind  string
			count uint64
			timed timed
		}{
			{"connect", c.Connects, timing.connects},
			{"announce", c.Announces, timing.announces},
			{"scrape", c.Scrapes, timing.scrapes},
		} {
			kind := requestKind(of.kind)
			add(&answered, of.count, kind...)
			add(&sent, of.count, append(labels("result", "ok"), kind...)...)
			add(&averaged, of.timed.requests, kind...)
			if of.timed.requests > 0 { // an average of nothing is not 0
				add(&average, of.timed.average(), kind...)
			}
		}
		add(&sent, c.Errors, labels("result", "error")...)
		for _, of := range []struct {
			reason string
			count  uint64
		}{
			{"short", c.Short}, {"port_zero", c.PortZero}, {"own", c.Own}, {"error_packet", c.ErrorPackets}, {"unverified", c.Unverified},
		} {
			add(&reasons, of.count, labels("reason", of.reason)...)
		}
	}
	return []metrics.Family{
		counter("udp_tracker_server_requests_received_total", "UDP packets received.", received...),
		counter("udp_tracker_server_requests_accepted_total", "UDP requests answered with what they asked for.", answered...),
		counter("udp_tracker_core_requests_received_total", "UDP requests answered with what they asked for.", answered...),
		counter("udp_tracker_server_responses_sent_total", "UDP replies handed to the kernel.", sent...),
		counter("udp_tracker_server_errors_total", "UDP requests answered with an error.", errors...),
		counter("udp_tracker_server_connection_id_errors_total", "UDP packets without a valid connection ID, which got no reply.", unverified...),
		counter("udp_tracker_server_requests_discarded_total", "UDP packets that got no reply on purpose.", discarded...),
		counter("udp_tracker_server_requests_aborted_total", "UDP replies that the kernel did not take.", aborted...),
		in(metrics.Nanoseconds, gauge("udp_tracker_server_performance_avg_processing_time_ns",
			"Average time from reading a UDP request to its reply, over those that were timed since the start.", average...)),
		counter("udp_tracker_server_performance_avg_processed_requests_total", "UDP requests that were timed.", averaged...),
		counter("shoal_udp_discarded_total", "UDP packets that got no reply on purpose, by reason.", reasons...),
		in(metrics.Bytes, counter("shoal_udp_received_bytes_total", "Bytes of UDP payload received.", bytesIn...)),
		in(metrics.Bytes, counter("shoal_udp_sent_bytes_total", "Bytes of UDP payload of replies.", bytesOut...)),
	}
}
