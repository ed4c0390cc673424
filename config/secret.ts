/** Marks a text of the configuration as one that is shown nowhere: JSON Schema's own word for it. */
export const secret = { writeOnly: true } as const;
