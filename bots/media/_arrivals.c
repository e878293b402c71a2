/* Transport-wide numbers and their times, and the feedback made of them: the twin of
 * arrivals.Arrivals and transport_feedback.build_transport_feedback, byte for byte. */
#include "_lane.h"
#include <math.h>
#include <string.h>

#define MAX_ARRIVALS 1000      /* arrivals.MAX_ARRIVALS */
#define SPAN 4000              /* arrivals.SPAN */
#define DELTAS_PER_S 4000      /* transport_feedback._DELTAS_PER_S */
#define REFERENCE_S 0.064      /* transport_feedback._REFERENCE_S */
#define RTP_FEEDBACK 205       /* rtcp_records.RTP_FEEDBACK */
#define FMT_TRANSPORT 15       /* rtcp_records.FMT_TRANSPORT */
#define MAX_RUN 0x1FFF

typedef struct {
  uint16_t number;
  double at_s;
} Arrival;

typedef struct {
  PyObject_HEAD
  Arrival *kept;
  int count, room;
  int is_told;   /* whether `next` says anything */
  uint16_t next; /* the number after the highest that was told */
} Arrivals;

PyTypeObject *arrivals_type;

static void arrivals_dealloc(Arrivals *self) {
  PyMem_Free(self->kept);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

int arrivals_note(PyObject *arrivals, uint16_t number, double at_s) {
  Arrivals *self = (Arrivals *)arrivals;
  if (self->count >= MAX_ARRIVALS) return 0;
  if (self->count == self->room) {
    int room = self->room ? 2 * self->room : 16;
    Arrival *kept = PyMem_Realloc(self->kept, (size_t)room * sizeof *kept);
    if (!kept) {
      PyErr_NoMemory();
      return -1;
    }
    self->kept = kept;
    self->room = room;
  }
  self->kept[self->count++] = (Arrival){number, at_s};
  return 0;
}

static PyObject *note(Arrivals *self, PyObject *const *args, Py_ssize_t count) {
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "note takes a number and a time");
    return NULL;
  }
  long number = PyLong_AsLong(args[0]);
  double at_s = PyFloat_AsDouble(args[1]);
  if (PyErr_Occurred() || arrivals_note((PyObject *)self, (uint16_t)number, at_s))
    return NULL;
  Py_RETURN_NONE;
}

static PyObject *clear(Arrivals *self, PyObject *unused) {
  self->count = 0;
  Py_RETURN_NONE;
}

static Py_ssize_t length(Arrivals *self) { return self->count; }

/* Write status chunks for `count` symbols; return the bytes written. */
static size_t write_chunks(uint8_t *to, const uint8_t *symbols, int count) {
  uint8_t *p = to;
  for (int at = 0; at < count;) {
    int run = 1;
    while (at + run < count && run < MAX_RUN && symbols[at + run] == symbols[at]) run++;
    uint32_t chunk = (uint32_t)symbols[at] << 13 | (uint32_t)run;
    if (run < 7 && at + run != count) {
      chunk = 3;
      for (int i = 0; i < 7; i++) chunk = chunk << 2 | (at + i < count ? symbols[at + i] : 0);
      run = 7;
    }
    write_short(p, chunk);
    p += 2;
    at += run;
  }
  return (size_t)(p - to);
}

/* Return the bytes of the feedback, 0 if there is nothing worth telling. */
static size_t write_feedback(Arrivals *self, uint8_t *to, uint32_t sender,
                             uint32_t media, uint32_t feedback_count) {
  static double times[SPAN]; /* under the interpreter's lock, like all here */
  static uint8_t symbols[SPAN], deltas[2 * SPAN];
  uint16_t base = self->kept[0].number;
  int first = 0, last = 0, was_told = self->is_told;
  self->is_told = 0;
  for (int i = 1; i < self->count; i++) {
    int offset = (int16_t)(uint16_t)(self->kept[i].number - base);
    if (offset < first) first = offset;
    if (offset > last) last = offset;
  }
  if (was_told) {
    int missing = (uint16_t)(base + first - self->next);
    if (missing + last - first < SPAN) first -= missing;
  }
  int span = last - first + 1, came = 0;
  if (span > SPAN) return 0;
  for (int i = 0; i < span; i++) times[i] = NAN;
  for (int i = 0; i < self->count; i++)
    times[(int16_t)(uint16_t)(self->kept[i].number - base) - first] = self->kept[i].at_s;
  while (isnan(times[came])) came++;
  long long reference = (long long)(times[came] / REFERENCE_S), ticks = reference * 256;
  size_t used = 0;
  for (int i = 0; i < span; i++) {
    symbols[i] = 0;
    if (isnan(times[i])) continue;
    long long now = (long long)rint(times[i] * DELTAS_PER_S), delta = now - ticks;
    ticks = now;
    if (0 <= delta && delta <= 255) {
      symbols[i] = 1;
    } else if (-0x8000 <= delta && delta <= 0x7FFF) {
      symbols[i] = 2;
      deltas[used++] = (uint8_t)(delta >> 8);
    } else {
      return 0;
    }
    deltas[used++] = (uint8_t)delta;
  }
  write_long(to + 4, sender);
  write_long(to + 8, media);
  write_short(to + 12, (uint16_t)(base + first));
  write_short(to + 14, (uint32_t)span);
  write_long(to + 16, (uint32_t)reference << 8 | (feedback_count & 0xFF));
  size_t size = 20 + write_chunks(to + 20, symbols, span);
  memcpy(to + size, deltas, used);
  size += used;
  while (size % 4) to[size++] = 0;
  to[0] = 0x80 | FMT_TRANSPORT;
  to[1] = RTP_FEEDBACK;
  write_short(to + 2, (uint32_t)(size / 4 - 1));
  uint16_t after = (uint16_t)(base + last + 1);
  if (!was_told || (uint16_t)(after - self->next) < 0x8000) self->next = after;
  self->is_told = 1;
  return size;
}

static PyObject *feedback(Arrivals *self, PyObject *const *args, Py_ssize_t count) {
  static uint8_t written[20 + 2 * (SPAN / 7 + 1) + 2 * SPAN + 4];
  unsigned long values[3];
  if (count != 3) {
    PyErr_SetString(PyExc_TypeError, "feedback takes two SSRCs and a count");
    return NULL;
  }
  for (int i = 0; i < 3; i++) values[i] = PyLong_AsUnsignedLongMask(args[i]);
  if (PyErr_Occurred()) return NULL;
  size_t size = 0;
  if (self->count)
    size = write_feedback(self, written, (uint32_t)values[0], (uint32_t)values[1],
                          (uint32_t)values[2]);
  self->count = 0;
  return PyBytes_FromStringAndSize((char *)written, (Py_ssize_t)size);
}

static PyMethodDef methods[] = {
    {"note", (PyCFunction)(void (*)(void))note, METH_FASTCALL, NULL},
    {"clear", (PyCFunction)clear, METH_NOARGS, NULL},
    {"feedback", (PyCFunction)(void (*)(void))feedback, METH_FASTCALL, NULL},
    {NULL}};

static PyType_Slot slots[] = {{Py_tp_new, PyType_GenericNew},
                              {Py_tp_dealloc, arrivals_dealloc},
                              {Py_tp_methods, methods},
                              {Py_sq_length, length},
                              {0, NULL}};
static PyType_Spec spec = {"bots.media._lane.Arrivals", sizeof(Arrivals), 0,
                           Py_TPFLAGS_DEFAULT, slots};

PyTypeObject *make_arrivals_type(void) {
  arrivals_type = (PyTypeObject *)PyType_FromSpec(&spec);
  return arrivals_type;
}
