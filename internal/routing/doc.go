// Package routing decides where a call goes.
package routing
