// Package relay carries RTP and RTCP between the two sides of each stream of a call.
package relay
