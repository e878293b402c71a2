/* What the compiled part's files share; each .c names one kind of object. */
#ifndef BBBLOAD_LANE_H
#define BBBLOAD_LANE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define REVISION 4         /* lanes.REVISION */
#define RECEIVE_BYTES 2048 /* lane.RECEIVE_BYTES */

static inline uint16_t read_short(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static inline uint32_t read_long(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void write_short(uint8_t *p, uint32_t value) {
  p[0] = (uint8_t)(value >> 8), p[1] = (uint8_t)value;
}

static inline void write_long(uint8_t *p, uint32_t value) {
  write_short(p, value >> 16), write_short(p + 2, value);
}

/* _arrivals.c: twin of arrivals.Arrivals. */
extern PyTypeObject *arrivals_type;
PyTypeObject *make_arrivals_type(void);
/* Return 0, or -1 with an error set. */
int arrivals_note(PyObject *arrivals, uint16_t number, double at_s);

/* _lane.c: one stream's usual packets. */
extern PyTypeObject *lane_type;
/* Return 1 if the packet is counted, 0 if Python must take it, -1 on an error. */
int lane_take(PyObject *lane, const uint8_t *packet, Py_ssize_t size, double now_s);

/* _reader.c: a socket's reader. */
PyTypeObject *make_reader_type(void);

/* _way.c: how packets are sent. */
PyTypeObject *make_header_type(void);
PyTypeObject *make_way_type(void);

#endif
