/* doctor.h -- `sunder doctor`: what this machine can do. */
#ifndef DOCTOR_H
#define DOCTOR_H

int cmd_doctor(int argc, char **argv);

#endif
