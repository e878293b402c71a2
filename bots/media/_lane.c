/* The usual packet, taken without the interpreter. Optional: without a compiler the
 * same is done in Python (session, receiving), and the same tests hold both.
 *
 * A Reader is the callback of one connected UDP socket. It takes the datagrams that are
 * there; an RTP packet that follows the one before it on a known stream is counted in
 * that stream's Lane. Everything else (STUN, DTLS, RTCP, a gap, a late packet, every
 * hundredth packet, a pause that may be a freeze) is left in the workspace and handed to
 * Python, which first takes over what the lane counted.
 *
 * Formulas are those of bots/media/quality.py, in the same order of operations. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#include <sys/socket.h>
#include <time.h>

#define GAPS 64            /* more frames than between two takings over */
#define FREEZE_EXTRA_S 0.150 /* quality.FREEZE_EXTRA_S: no freeze is shorter */
#define MAX_ARRIVALS 1000  /* receiving.MAX_ARRIVALS */
#define MAX_DATAGRAMS 16   /* of one socket at a time, so that none starves another */
#define RECEIVE_BYTES 2048 /* ice.RECEIVE_BYTES */

typedef struct {
  PyObject_HEAD
  PyObject *arrivals; /* list of (transport-wide number, time) */
  Py_buffer tally;    /* one int64: packets that the process took this way */
  double clock_hz, jitter, arrival_s, frame_s, heard_s;
  double gaps[GAPS];
  long long received, bytes, frames;
  uint32_t timestamp;
  uint16_t highest;
  int tag_bytes, open_every, is_video, wide_id, wide_at, is_open;
} Lane;

static int lane_init(Lane *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"clock_hz", "tag_bytes", "open_every", "is_video",
                          "wide_id",  "arrivals",  "tally",      NULL};
  PyObject *arrivals, *tally;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "$diipiO!O", names, &self->clock_hz,
                                   &self->tag_bytes, &self->open_every,
                                   &self->is_video, &self->wide_id, &PyList_Type,
                                   &arrivals, &tally))
    return -1;
  if (self->open_every < 1 || self->tally.obj) {
    PyErr_SetString(PyExc_ValueError, "a lane is made once, and samples");
    return -1;
  }
  if (PyObject_GetBuffer(tally, &self->tally, PyBUF_WRITABLE)) return -1;
  if (self->tally.len < (Py_ssize_t)sizeof(int64_t)) {
    PyErr_SetString(PyExc_ValueError, "a tally holds a 64-bit number");
    return -1;
  }
  Py_INCREF(arrivals);
  Py_XSETREF(self->arrivals, arrivals);
  return 0;
}

static void lane_dealloc(Lane *self) {
  Py_XDECREF(self->arrivals);
  if (self->tally.obj) PyBuffer_Release(&self->tally);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

/* Return 1 if the packet is counted, 0 if Python must take it, -1 on an error. */
static int lane_take(Lane *self, const uint8_t *p, Py_ssize_t size, double now_s) {
  if (!self->is_open) return 0;
  uint16_t sequence = (uint16_t)(p[2] << 8 | p[3]);
  if ((uint16_t)(sequence - self->highest) != 1 || sequence % self->open_every == 0)
    return 0;
  uint32_t timestamp = (uint32_t)p[4] << 24 | p[5] << 16 | p[6] << 8 | p[7];
  double ticks = (double)timestamp - (double)self->timestamp;
  if (!(0 <= ticks && ticks < 2147483648.0)) return 0;
  int ends_frame = self->is_video && p[1] > 127;
  double gap_s = now_s - self->frame_s;
  if (ends_frame && gap_s >= FREEZE_EXTRA_S) return 0;
  if (self->wide_id) { /* the element stands where the last one stood */
    int at = self->wide_at;
    if (!at || at + 2 > size || !(p[0] & 0x10) || p[at - 1] != (self->wide_id << 4 | 1))
      return 0;
    if (PyList_GET_SIZE(self->arrivals) < MAX_ARRIVALS) {
      PyObject *pair = Py_BuildValue("(id)", p[at] << 8 | p[at + 1], now_s);
      if (!pair) return -1;
      int failed = PyList_Append(self->arrivals, pair);
      Py_DECREF(pair);
      if (failed) return -1;
    }
  }
  double change = (now_s - self->arrival_s) * self->clock_hz - ticks;
  self->jitter += ((change > 0 ? change : -change) - self->jitter) / 16;
  self->highest = sequence;
  self->timestamp = timestamp;
  self->arrival_s = self->heard_s = now_s;
  self->received++;
  self->bytes += size - self->tag_bytes;
  ++*(int64_t *)self->tally.buf;
  if (ends_frame) {
    self->gaps[self->frames++ % GAPS] = gap_s;
    self->frame_s = now_s;
  }
  return 1;
}

static PyObject *lane_resume(Lane *self, PyObject *args) {
  unsigned int highest;
  if (!PyArg_ParseTuple(args, "IIdddi", &highest, &self->timestamp, &self->arrival_s,
                        &self->jitter, &self->frame_s, &self->wide_at))
    return NULL;
  self->highest = (uint16_t)highest;
  self->is_open = 1;
  Py_RETURN_NONE;
}

static PyObject *lane_settle(Lane *self, PyObject *unused) {
  if (!self->received) Py_RETURN_NONE;
  Py_ssize_t kept = self->frames < GAPS ? (Py_ssize_t)self->frames : GAPS;
  PyObject *gaps = PyTuple_New(kept);
  if (!gaps) return NULL;
  for (Py_ssize_t i = 0; i < kept; i++) {
    double gap_s = self->gaps[(self->frames - kept + i) % GAPS];
    PyObject *gap = PyFloat_FromDouble(gap_s);
    if (!gap) {
      Py_DECREF(gaps);
      return NULL;
    }
    PyTuple_SET_ITEM(gaps, i, gap);
  }
  PyObject *told =
      Py_BuildValue("(LLdIdLNd)", self->received, self->bytes, self->jitter,
                    self->timestamp, self->arrival_s, self->frames, gaps, self->frame_s);
  if (told) self->received = self->bytes = self->frames = 0;
  return told;
}

static PyObject *lane_halt(Lane *self, PyObject *unused) {
  self->is_open = 0;
  Py_RETURN_NONE;
}

static PyObject *lane_packet(Lane *self, PyObject *args) {
  Py_buffer packet;
  double now_s;
  if (!PyArg_ParseTuple(args, "y*d", &packet, &now_s)) return NULL;
  int taken = packet.len < 12 ? 0 : lane_take(self, packet.buf, packet.len, now_s);
  PyBuffer_Release(&packet);
  return taken < 0 ? NULL : PyBool_FromLong(taken);
}

static PyMethodDef lane_methods[] = {
    {"packet", (PyCFunction)lane_packet, METH_VARARGS, NULL},
    {"resume", (PyCFunction)lane_resume, METH_VARARGS, NULL},
    {"settle", (PyCFunction)lane_settle, METH_NOARGS, NULL},
    {"halt", (PyCFunction)lane_halt, METH_NOARGS, NULL},
    {NULL}};

static PyMemberDef lane_members[] = {
    {"heard_s", T_DOUBLE, offsetof(Lane, heard_s), READONLY, NULL},
    {"is_open", T_INT, offsetof(Lane, is_open), READONLY, NULL},
    {NULL}};

static PyType_Slot lane_slots[] = {{Py_tp_new, PyType_GenericNew},
                                   {Py_tp_init, lane_init},
                                   {Py_tp_dealloc, lane_dealloc},
                                   {Py_tp_methods, lane_methods},
                                   {Py_tp_members, lane_members},
                                   {0, NULL}};
static PyType_Spec lane_spec = {"bots.media._lane.Lane", sizeof(Lane), 0,
                                Py_TPFLAGS_DEFAULT, lane_slots};
static PyTypeObject *lane_type;

typedef struct {
  PyObject_HEAD
  int fd;
  PyObject *lanes, *otherwise;
  Py_buffer workspace;
} Reader;

static int reader_init(Reader *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"", "", "", "", NULL};
  PyObject *workspace, *lanes, *otherwise;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOO!O", names, &self->fd, &workspace,
                                   &PyDict_Type, &lanes, &otherwise))
    return -1;
  if (self->workspace.obj) {
    PyErr_SetString(PyExc_ValueError, "a reader is made once");
    return -1;
  }
  if (PyObject_GetBuffer(workspace, &self->workspace, PyBUF_WRITABLE)) return -1;
  if (self->workspace.len < RECEIVE_BYTES) {
    PyErr_SetString(PyExc_ValueError, "the workspace holds no datagram");
    return -1;
  }
  Py_INCREF(lanes);
  Py_XSETREF(self->lanes, lanes);
  Py_INCREF(otherwise);
  Py_XSETREF(self->otherwise, otherwise);
  return 0;
}

static int reader_traverse(Reader *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self->lanes);
  Py_VISIT(self->otherwise);
  return 0;
}

static int reader_clear(Reader *self) {
  Py_CLEAR(self->lanes);
  Py_CLEAR(self->otherwise);
  return 0;
}

static void reader_dealloc(Reader *self) {
  PyObject_GC_UnTrack(self);
  reader_clear(self);
  if (self->workspace.obj) PyBuffer_Release(&self->workspace);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *reader_call(Reader *self, PyObject *args, PyObject *kwargs) {
  uint8_t *p = self->workspace.buf;
  for (int count = 0; count < MAX_DATAGRAMS; count++) {
    ssize_t size = recv(self->fd, p, RECEIVE_BYTES, MSG_DONTWAIT);
    if (size < 0) break; /* nothing there, or an ICMP error of an earlier packet */
    if (size >= 12 && p[0] >= 128 && p[0] <= 191 && !(p[1] >= 192 && p[1] <= 223)) {
      uint32_t ssrc = (uint32_t)p[8] << 24 | p[9] << 16 | p[10] << 8 | p[11];
      PyObject *key = PyLong_FromUnsignedLong(ssrc);
      if (!key) return NULL;
      PyObject *lane = PyDict_GetItemWithError(self->lanes, key);
      Py_DECREF(key);
      if (!lane && PyErr_Occurred()) return NULL;
      if (lane && Py_IS_TYPE(lane, lane_type)) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        int taken = lane_take((Lane *)lane, p, size, t.tv_sec + t.tv_nsec * 1e-9);
        if (taken < 0) return NULL;
        if (taken) continue;
      }
    }
    PyObject *number = PyLong_FromSsize_t(size);
    if (!number) return NULL;
    PyObject *done = PyObject_CallOneArg(self->otherwise, number);
    Py_DECREF(number);
    Py_XDECREF(done);
    return done ? Py_NewRef(Py_None) : NULL; /* Python may have closed the socket */
  }
  Py_RETURN_NONE;
}

static PyType_Slot reader_slots[] = {{Py_tp_new, PyType_GenericNew},
                                     {Py_tp_init, reader_init},
                                     {Py_tp_traverse, reader_traverse},
                                     {Py_tp_clear, reader_clear},
                                     {Py_tp_dealloc, reader_dealloc},
                                     {Py_tp_call, reader_call},
                                     {0, NULL}};
static PyType_Spec reader_spec = {"bots.media._lane.Reader", sizeof(Reader), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                  reader_slots};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "bots.media._lane",
                                        "The usual packet, taken in C.", -1, NULL};

PyMODINIT_FUNC PyInit__lane(void) {
  PyObject *module = PyModule_Create(&definition);
  if (!module) return NULL;
  lane_type = (PyTypeObject *)PyType_FromSpec(&lane_spec);
  PyObject *reader = PyType_FromSpec(&reader_spec);
  if (!lane_type || !reader || PyModule_AddType(module, lane_type) ||
      PyModule_AddType(module, (PyTypeObject *)reader)) {
    Py_XDECREF(reader);
    Py_DECREF(module);
    return NULL;
  }
  Py_DECREF(reader);
  return module;
}
